"""`expert`: train the expert of a task, or score one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse.typing import PositiveFloat, PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.commands.collect import show_episode
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.options.call import call, parse
from lrs_lightning.options.menu import HELP, menu, unknown
from lrs_lightning.options.parser import Parser
from lrs_lightning.options.peek import value_of
from lrs_lightning.options.signature import add_options, parser_for

if TYPE_CHECKING:
    from lrs_lightning.expert_training.pqn_config import PQNConfig
    from lrs_lightning.expert_training.sac_config import SACConfig

ACTIONS = {
    "fit": "train an expert: PQN for an Atari game, SAC for a MuJoCo task",
    "score": "play whole episodes of any expert in the clean world",
}


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    program = f"{PROGRAM} {verb}"
    if not arguments or arguments[0] in HELP:
        about = "Train the expert of a task, or score one."
        print(menu(f"{program} ACTION [options]", about, "actions", ACTIONS, _MORE))
        return 0
    action, *words = arguments
    if action not in ACTIONS:
        raise unknown("action", action, ACTIONS)
    if action == "score":
        return int(call(score, f"{program} score", words))
    parser = _parser(f"{program} fit", words)
    options = parse(parser, words)
    return 0 if options is None else fit(**options)


_MORE = "`expert ACTION --help` explains one; `expert fit --env TASK --help` lists its recipe, too."


def score(
    *,
    env: str,
    env_kwargs: dict[str, Any] | None = None,
    wrappers: list[str] | None = None,
    expert: str = "shipped",
    statistics: Path | None = None,
    episodes: PositiveInt = 30,
    card: bool = False,
    quiet: bool = False,
) -> int:
    """Play whole episodes of an expert in the clean world, as policies are judged there.

    Args:
        env: task, e.g. Seaquest or Walker2d-v5, or module:Class of your own
        env_kwargs: its arguments, e.g. '{sticky: 0}'; else games with sticky 0.25
        wrappers: put around it, the last outermost: a name of gymnasium.wrappers or module:Class
        expert: 'shipped', a path (also a zip, run folder, onnx), module:function, or a hub name
        statistics: of a .zip: the pickle of its VecNormalize, or 'none'; else the one beside it
        episodes: number of episodes
        card: put what came out into the card beside the weights (.safetensors); of a game also
            without sticky actions
        quiet: print no line for each episode
    """
    from lrs_lightning.env_variant import variant_text
    from lrs_lightning.envs import describe
    from lrs_lightning.evaluation.policies import demonstrator
    from lrs_lightning.expert_training.card import measure_again
    from lrs_lightning.expert_training.card import score as play
    from lrs_lightning.training.candidate import load_candidate

    task = describe(variant_text(env, env_kwargs, wrappers)).env_id
    policy = demonstrator(expert, task, load_candidate, statistics)
    show = None if quiet else show_episode
    if not card:
        print(_sentence(play(policy, task, episodes, on_episode=show)))
        return 0
    weights = _weights(expert, task)
    found = measure_again(weights, policy, task, episodes, show)
    print(*map(_sentence, found.values()), sep="\n")
    print(f"card: {weights.with_suffix('.json')}")
    return 0


def _weights(expert: str, task: str) -> Path:
    """The file that a card stands beside.

    Raises:
        ArgumentError: this expert has none, or the task is another one than its own.
    """
    from lrs_lightning.env_variant import EnvVariant
    from lrs_lightning.experts import SHIPPED, shipped_experts

    variant = EnvVariant.parse(task)
    if str(variant) != variant.env_id:
        raise ArgumentError(
            f"--card says what is earned in {variant.env_id} as it is: leave --env_kwargs and "
            "--wrappers out"
        )
    file = Path(str(shipped_experts()[task])) if expert == SHIPPED else Path(expert)
    if file.suffix != ".safetensors":
        raise ArgumentError(f"--card: {expert} has no card beside it, only .safetensors files do")
    return file


def fit(
    *,
    env: str,
    out: Path | None = None,
    episodes: PositiveInt = 30,
    device: str = "cpu",
    minutes: PositiveFloat | None = None,
    quiet: bool = False,
    **recipe: Any,
) -> int:
    """Train the expert of a task and score it; --config FILE holds a recipe, as those of conf/.

    A training that was interrupted goes on where it stopped: run it again with the same --out.

    Args:
        env: task, e.g. Seaquest or Walker2d-v5; with --help it decides which recipe is listed
        out: folder of the training; else runs/expert/TASK
        episodes: episodes of the score
        device: of an Atari expert's network, e.g. cuda
        minutes: of an Atari expert: stop at the first checkpoint after
        quiet: show no progress
        recipe: the fields of the task's recipe
    """
    folder = out or Path("runs") / "expert" / env.removeprefix("ALE/")
    config = recipe_class(env)
    if config.__name__ == "PQNConfig":
        from lrs_lightning.envs import canonical_id

        game = config(env_id=canonical_id(env), **recipe)
        return _fit_game(game, folder, episodes, device, minutes, quiet)
    if minutes is not None or device != "cpu":
        raise ArgumentError(
            f"--device and --minutes are of Atari's experts, and {env} is none: leave them out"
        )
    return _fit_mujoco(config(**recipe), env, folder, episodes, quiet)


def recipe_class(env: str) -> Callable[..., Any]:
    """What the training of a task's expert can be told.

    Raises:
        EnvironmentMismatchError: none can be trained.
    """
    from lrs_lightning.envs import domain_of
    from lrs_lightning.expert_training.pqn_config import PQNConfig
    from lrs_lightning.expert_training.sac_config import SACConfig

    recipes: dict[str | None, Callable[..., Any]] = {"pqn": PQNConfig, "sac": SACConfig}
    domain = domain_of(env)
    if domain.expert_trainer not in recipes:
        raise EnvironmentMismatchError(
            f"{env}: no expert of the domain {domain.name!r} can be trained, only those of MuJoCo "
            "and Atari: bring one of your own"
        )
    return recipes[domain.expert_trainer]


def _parser(program: str, words: list[str]) -> Parser:
    """The options of every training, and those of the recipe that the task in the words has."""
    parser = parser_for(fit, program, skip={"recipe"})
    env = value_of("env", words)
    if env is not None:
        recipe = recipe_class(env)
        title = f"recipe ({recipe.__name__.removesuffix('Config')})"
        add_options(parser, recipe, title, skip={"env_id"}, also={"decisions": "steps"})
    return parser


def _fit_game(
    config: PQNConfig,
    folder: Path,
    episodes: int,
    device: str,
    minutes: float | None,
    quiet: bool,
) -> int:
    from lrs_lightning.expert_training.pqn_export import export_expert
    from lrs_lightning.expert_training.pqn_run import train_expert

    deadline = None if minutes is None else 60 * minutes
    show = None if quiet else _rows(config.decisions)
    train_expert(config, folder, device, show, deadline_s=deadline)
    card = export_expert(folder, folder / "expert.safetensors", episodes)
    told = ("evaluation", "evaluation_as_recorded")
    print(*(_sentence(card[name]) for name in told if name in card), sep="\n")
    if "selection" in card:
        print(_chosen(card))
    print(f"expert: {folder / 'expert.safetensors'}  (tensorboard --logdir {folder})")
    return 0


def _rows(decisions: int) -> Callable[[dict[str, Any]], None]:
    """Print a row of the learning curve, with the time that is left."""
    begin, first = time.perf_counter(), 0

    def show(row: dict[str, Any]) -> None:
        nonlocal first
        first = first or row["decisions"]
        done, spent = row["decisions"] - first, time.perf_counter() - begin
        left = (decisions - row["decisions"]) * spent / done if done else float("nan")
        print(
            f"{row['decisions']:>10,} of {decisions:,} decisions  "
            f"return {row['episodes_return']:8.1f}  epsilon {row['epsilon']:.2f}  "
            f"ETA {left / 60:.0f} min",
            flush=True,
        )

    return show


def _fit_mujoco(config: SACConfig, env: str, folder: Path, episodes: int, quiet: bool) -> int:
    from lrs_lightning.expert_training.sac import train_sac

    path = train_sac(env, folder, config, episodes, progress=not quiet)
    print(f"expert: {path}")
    return 0


def _sentence(result: dict[str, Any]) -> str:
    """What `score` found, with how many of the episodes differ where some went alike."""
    from lrs_lightning.evaluation.settings import in_words

    differ = "" if result["outcomes"] == result["episodes"] else f" ({result['outcomes']} differ)"
    settings = f" with {in_words(result['settings'])}" if result["settings"] else ""
    return (
        f"{result['episodes']} episodes{differ}{settings}: mean return {result['return_mean']:g}, "
        f"sd {result['return_sd']:g}, from {result['return_min']:g} to {result['return_max']:g}; "
        f"{result['cut_by_time_limit']} cut by the time limit"
    )


def _chosen(card: dict[str, Any]) -> str:
    """Which of the last checkpoints became the expert."""
    chosen = card["selection"]
    ages = ", ".join(
        f"{one['trained_for']:,} ({one['return_mean']:g})" for one in chosen["candidates"]
    )
    first, last = chosen["seeds"]
    return (
        f"chosen: the network of {card['decisions']:,} decisions, by its mean return on seeds "
        f"{first} to {last}, of {ages}"
    )
