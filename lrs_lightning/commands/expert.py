"""`expert`: train the expert of a task, or score one."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from lrs_lightning.commands._parser import Parser, positive_int


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    parser = Parser(
        "expert",
        "fit: train an expert (PQN for an Atari game, SAC for a MuJoCo task), or go on with a "
        "training that was interrupted. score: whole episodes of any expert in the clean world.",
    )
    parser.add_argument("action", choices=["fit", "score"], help="what to do")
    parser.add_argument("--env", required=True, help="task, e.g. Seaquest or Walker2d-v5")
    parser.add_argument("--episodes", type=positive_int, default=30, help="episodes of the score")
    parser.add_argument("--expert", default="shipped", help="score: 'shipped', path or hub name")
    parser.add_argument("--config", help="fit: recipe, e.g. conf/expert-seaquest.yaml")
    parser.add_argument("--steps", type=positive_int, help="fit: steps in all (else the recipe's)")
    parser.add_argument("--seed", type=int, help="fit: seed of everything (else the recipe's)")
    parser.add_argument("--device", default="cpu", help="fit: of an Atari expert, e.g. cuda")
    parser.add_argument("--minutes", type=_minutes, help="fit: stop at the first checkpoint after")
    parser.add_argument("--out", help="fit: folder of the training (else runs/expert/TASK)")
    options = parser.parse_args(arguments)
    return _score(options) if options.action == "score" else _fit(options)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not minutes > 0:
        raise ArgumentTypeError(f"{text!r} is no number of minutes")
    return minutes


def _score(options: Namespace) -> int:
    from lrs_lightning.expert_training.card import score
    from lrs_lightning.experts import load_expert
    from lrs_lightning.rollout import Episode

    def show(episode: Episode) -> None:
        print(
            f"episode {episode.episode:3d}  seed {episode.seed}  "
            f"return {episode.return_:9.1f}  length {episode.length}",
            flush=True,
        )

    result = score(
        load_expert(options.expert, options.env), options.env, options.episodes, on_episode=show
    )
    print(_sentence(result))
    return 0


def _sentence(result: dict[str, Any]) -> str:
    return (
        f"{result['episodes']} episodes: mean return {result['return_mean']:g}, sd "
        f"{result['return_sd']:g}, from {result['return_min']:g} to {result['return_max']:g}; "
        f"{result['cut_by_time_limit']} cut by the time limit"
    )


def _fit(options: Namespace) -> int:
    from lrs_lightning.envs import domain_of
    from lrs_lightning.errors import EnvironmentMismatchError

    trainers = {"pqn": _fit_game, "sac": _fit_mujoco}
    domain = domain_of(options.env)
    if domain.expert_trainer not in trainers:
        raise EnvironmentMismatchError(
            f"{options.env}: no expert of the domain {domain.name!r} can be trained, only those of "
            "MuJoCo and Atari: bring one of your own"
        )
    return trainers[domain.expert_trainer](options)


def _fit_game(options: Namespace) -> int:
    from lrs_lightning.envs import canonical_id
    from lrs_lightning.expert_training.pqn_config import load_recipe
    from lrs_lightning.expert_training.pqn_export import export_expert
    from lrs_lightning.expert_training.pqn_run import train_expert

    env_id = canonical_id(options.env)
    changes = {"env_id": env_id, "decisions": options.steps, "seed": options.seed}
    config = load_recipe(options.config, {k: v for k, v in changes.items() if v is not None})
    folder = _folder(options)
    begin, first = time.perf_counter(), 0

    def show(row: dict[str, Any]) -> None:
        nonlocal first
        first = first or row["decisions"]
        done, spent = row["decisions"] - first, time.perf_counter() - begin
        left = (config.decisions - row["decisions"]) * spent / done if done else float("nan")
        print(
            f"{row['decisions']:>10,} of {config.decisions:,} decisions  "
            f"return {row['episodes_return']:8.1f}  epsilon {row['epsilon']:.2f}  "
            f"ETA {left / 60:.0f} min",
            flush=True,
        )

    deadline = None if options.minutes is None else 60 * options.minutes
    train_expert(config, folder, options.device, show, deadline_s=deadline)
    card = export_expert(folder, folder / "expert.safetensors", options.episodes)
    print(_sentence(card["evaluation"]))
    print(f"expert: {folder / 'expert.safetensors'}  (tensorboard --logdir {folder})")
    return 0


def _fit_mujoco(options: Namespace) -> int:
    from lrs_lightning.expert_training.sac import train_sac

    path = train_sac(
        options.env,
        _folder(options),
        options.steps or 1_350_000,
        options.seed or 0,
        options.episodes,
    )
    print(f"expert: {path}")
    return 0


def _folder(options: Namespace) -> Path:
    name = options.env.removeprefix("ALE/")
    return Path(options.out) if options.out else Path("runs") / "expert" / name
