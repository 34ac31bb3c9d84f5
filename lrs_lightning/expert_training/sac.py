"""Train a MuJoCo expert with SAC (in JAX, by sbx) and keep its actor as safetensors.

Eight environments, one gradient step for every two environment steps, batch 128: about 300
environment steps a second on 2 CPU cores, 1.35 million steps for the HalfCheetah that ships with
the package.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lrs_lightning.envs import domain_of
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.expert_training.card import measured, write_card
from lrs_lightning.expert_training.sac_actor import actor_activation, actor_content
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.expert_training.sac_state import (
    CHECKPOINT,
    begin_part,
    has_state,
    load_state,
    save_state,
)
from lrs_lightning.expert_training.selection import KEPT, best_of
from lrs_lightning.experts import load_expert
from lrs_lightning.files import make_folder, naming, write_whole
from lrs_lightning.locking import alone_in
from lrs_lightning.rollout import Policy
from lrs_lightning.stopping import Interrupted

EXPERT = "expert.safetensors"
CANDIDATES = "candidates"
PART = 20_000
"""Environment steps between two saves, about a minute on 2 CPU cores."""


def train_sac(
    env_id: str,
    folder: Path,
    config: SACConfig,
    episodes: int = 20,
    progress: bool = True,
) -> Path:
    """Train, and write `expert.safetensors` and its card into the folder.

    Where the folder holds a training of the same recipe, it goes on from there, to the last bit as
    if it had never been interrupted; see `sac_state`. Every `PART` steps all is saved, the actor
    too, so that an interrupted training leaves an expert, without a card. Of the last ones the best
    becomes the expert, see `best_of`.

    Args:
        env_id: a task with continuous actions, e.g. `"Walker2d-v5"`.
        folder: of the training.
        config: the recipe.
        episodes: whole episodes that the expert is scored on.
        progress: print a line after each part.

    Raises:
        ArgumentError: the extra `expert` is not installed, or the folder holds an expert without
            its training, or one of another recipe.
        EnvironmentMismatchError: the task has no continuous actions.
        DataError: the folder cannot be read or written, or another process trains there.
        NotFiniteError: the training has diverged.
        Interrupted: a signal asked for the end; it says what is saved.
    """
    if domain_of(env_id).expert_trainer != "sac":
        raise EnvironmentMismatchError(f"{env_id} is no MuJoCo task: SAC trains experts of those")
    sac, make_vec_env = _library()
    _refuse_foreign(folder)
    with alone_in(make_folder(folder)), naming(folder):
        envs = make_vec_env(env_id, n_envs=config.num_envs, seed=config.seed)
        model = sac("MlpPolicy", envs, tensorboard_log=str(folder), **_arguments(config))
        actor_activation(model.policy)  # told before hours are spent
        _train(model, env_id, folder, config, progress)
        try:
            return _export(env_id, folder, config, episodes)
        except Interrupted as stop:
            stop.add_note("the training has ended and is saved, the same command scores it")
            raise


def _refuse_foreign(folder: Path) -> None:
    """Refuse to write over an expert that is not of a training in this folder."""
    if (folder / EXPERT).exists() and not has_state(folder):
        raise ArgumentError(
            f"{folder / EXPERT} exists without {CHECKPOINT}, and no training can go on from it: "
            "choose another folder with --out"
        )


def _train(model: Any, env_id: str, folder: Path, config: SACConfig, progress: bool) -> None:
    """Train part by part, each of which is saved at its end."""
    saved = load_state(model, folder, env_id, config)
    try:
        while saved < config.steps:
            begin_part(model, config.seed)
            begun = time.perf_counter()
            model.learn(
                min(PART, config.steps - saved), reset_num_timesteps=False, progress_bar=False
            )
            seconds = time.perf_counter() - begun
            content = actor_content(model, env_id)
            _keep_candidate(folder, content, int(model.num_timesteps))
            save_state(model, folder, env_id, config, saved)
            before, saved = saved, int(model.num_timesteps)
            _put_expert(folder, content)
            if progress:
                print(_line(model, config, (saved - before) / seconds), flush=True)
    except Interrupted as stop:
        stop.add_note(f"{saved:,} environment steps are saved, the same command goes on")
        raise


def _line(model: Any, config: SACConfig, rate: float) -> str:
    """What a part came to; in training actions are noisy, and those of the expert are not."""
    returns = [float(episode["r"]) for episode in model.ep_info_buffer or ()]
    mean = f", mean return {sum(returns) / len(returns):.1f} with noise" if returns else ""
    return f"{int(model.num_timesteps):,} of {config.steps:,} steps{mean}, {rate:.0f} steps/s"


def _put_expert(folder: Path, content: bytes) -> Path:
    """Write the expert, without the card of another one that may lie beside it."""
    path = folder / EXPERT
    path.with_suffix(".json").unlink(missing_ok=True)
    return write_whole(path, content)


def _keep_candidate(folder: Path, content: bytes, steps: int) -> None:
    """Keep an actor, and no more than the last `KEPT` of them."""
    write_whole(folder / CANDIDATES / f"{steps}.safetensors", content)
    for age, path in list(_candidates(folder).items())[:-KEPT]:
        if age < steps:
            path.unlink(missing_ok=True)


def _candidates(folder: Path) -> dict[int, Path]:
    """Steps -> file, the oldest first."""
    paths = (folder / CANDIDATES).glob("*.safetensors")
    return dict(sorted((int(path.stem), path) for path in paths if path.stem.isdecimal()))


def _arguments(config: SACConfig) -> dict[str, Any]:
    """The recipe in the library's words."""
    values = asdict(config)
    hidden = values.pop("hidden_size")
    mine = {"steps", "num_envs"}
    return {
        **{name: value for name, value in values.items() if name not in mine},
        "policy_kwargs": {"net_arch": [hidden, hidden]},
    }


def _export(env_id: str, folder: Path, config: SACConfig, episodes: int) -> Path:
    """Put the best of the last actors into the place of the last one, with its card."""
    files = _candidates(folder)
    best, selection = best_of(_players(files, env_id), env_id)
    path = _put_expert(folder, files[best].read_bytes())
    card = {
        "env": env_id,
        "algorithm": "SAC",
        "recipe": f"python -m lrs_lightning expert fit --env {env_id}",
        "environment_steps": best,
        "config": asdict(config),
        "seed": config.seed,
        **selection,
        **measured(load_expert(path, env_id), env_id, episodes),
    }
    write_card(path, card)
    return path


def _players(files: Mapping[int, Path], env_id: str) -> dict[int, Policy]:
    """The actors that can be read; a damaged one is left out, which is said.

    Raises:
        DataError: none can.
    """
    found: dict[int, Policy] = {}
    for age, file in files.items():
        try:
            found[age] = load_expert(file, env_id)
        except DataError as error:
            if age == max(files) and not found:
                raise
            print(f"note: {error}; it is left out of the choice", file=sys.stderr)
    return found


def _library() -> tuple[Any, Any]:
    try:
        from sbx import SAC
        from stable_baselines3.common.env_util import make_vec_env
    except ImportError as error:
        raise ArgumentError(
            "training a MuJoCo expert needs sbx and stable-baselines3: pip install "
            "'lrs-lightning[expert]'"
        ) from error
    return SAC, make_vec_env
