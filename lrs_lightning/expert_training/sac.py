"""Train a MuJoCo expert with SAC (in JAX, by sbx) and keep its actor as safetensors.

Eight environments, one gradient step for every two environment steps, batch 128: about 350
environment steps a second on 2 CPU cores, 1.35 million steps for the HalfCheetah that ships with
the package.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from lrs_lightning.envs import domain_of
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError, NotFiniteError
from lrs_lightning.expert_training.card import measured, write_card
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.expert_training.selection import KEPT, best_of
from lrs_lightning.experts import Expert, load_expert
from lrs_lightning.experts.activations import find_activation
from lrs_lightning.files import make_folder, naming, write_whole
from lrs_lightning.stopping import Interrupted

EXPERT = "expert.safetensors"
_CHUNK = 50_000


@dataclass(frozen=True)
class _Actor:
    """What was learnt after so many steps: the bytes of its file, and the player that they are."""

    steps: int
    content: bytes
    player: Expert


def train_sac(
    env_id: str,
    folder: Path,
    config: SACConfig,
    episodes: int = 20,
    progress: bool = True,
) -> Path:
    """Train, and write `expert.safetensors` and its card into the folder.

    The actor is saved every 50,000 steps, so that an interrupted training leaves an expert, without
    a card. It cannot go on from there: the library keeps its state in pickles, and none is run. Of
    the last ones the best becomes the expert, see `best_of`.

    Args:
        env_id: a task with continuous actions, e.g. `"Walker2d-v5"`.
        folder: of the training.
        config: the recipe.
        episodes: whole episodes that the expert is scored on.
        progress: show a bar.

    Raises:
        ArgumentError: the extra `expert` is not installed, or the folder holds an expert already.
        EnvironmentMismatchError: the task has no continuous actions.
        DataError: the folder cannot be written.
        Interrupted: a signal asked for the end; it says what is left.
    """
    if domain_of(env_id).expert_trainer != "sac":
        raise EnvironmentMismatchError(f"{env_id} is no MuJoCo task: SAC trains experts of those")
    sac, make_vec_env = _library()
    if (folder / EXPERT).exists():
        raise ArgumentError(
            f"{folder / EXPERT} exists, and this training cannot go on from it: choose another "
            "folder with --out"
        )
    make_folder(folder)
    envs = make_vec_env(env_id, n_envs=config.num_envs, seed=config.seed)
    model = sac("MlpPolicy", envs, tensorboard_log=str(folder), **_arguments(config))
    actor_activation(model.policy)  # told before hours are spent
    actors: deque[_Actor] = deque(maxlen=KEPT)
    try:
        with naming(folder):
            while model.num_timesteps < config.steps:
                model.learn(
                    min(_CHUNK, config.steps - model.num_timesteps),
                    reset_num_timesteps=False,
                    progress_bar=progress,
                )
                actors.append(_save_actor(model, env_id, folder))
            return _export(actors, env_id, folder, config, episodes)
    except Interrupted as stop:
        stop.add_note(_left(folder))
        raise


def _left(folder: Path) -> str:
    """What an interrupted training leaves."""
    path = folder / EXPERT
    if not path.exists():
        return f"no {_CHUNK:,} steps were done: nothing is saved, the same command begins anew"
    with safe_open(path, "np") as file:
        steps = int(file.metadata()["steps"])
    return (
        f"{path} holds the actor of {steps:,} steps, without a card; this training cannot go on: "
        "train anew with another --out, or play the actor as it is"
    )


def _arguments(config: SACConfig) -> dict[str, Any]:
    """The recipe in the library's words."""
    values = asdict(config)
    hidden = values.pop("hidden_size")
    mine = {"steps", "num_envs"}
    return {
        **{name: value for name, value in values.items() if name not in mine},
        "policy_kwargs": {"net_arch": [hidden, hidden]},
    }


def actor_layers(params: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Our names and layout for the actor of sbx: `Dense_0`, ... up to the mean, whose twin is last.

    The last layer, `log(std)`, has a part in exploration alone. Nothing else may be there.

    Raises:
        DataError: the parameters are those of another network.
    """
    params = params.get("params", params)
    count = max(3, sum(name.startswith("Dense_") for name in params) - 1)
    try:
        found = [params[f"Dense_{i}"] for i in range(count)]
    except KeyError as error:
        raise DataError(f"the actor has no layer {error}: it is not the network of SAC") from None
    _prove_actor(params, found)
    layers = {}
    for i, layer in enumerate(found):
        layers[f"layers.{i}.weight"] = np.ascontiguousarray(
            np.asarray(layer["kernel"], np.float32).T
        )
        layers[f"layers.{i}.bias"] = np.asarray(layer["bias"], np.float32)
    return layers


def actor_activation(policy: Any) -> str:
    """The name of what stands between the layers of sbx's actor.

    Raises:
        DataError: it is none that experts are read with.
    """
    function = getattr(policy, "activation_fn", None)
    if function is None:  # of versions that have no other
        return "relu"
    name = str(getattr(function, "__name__", function)).lower()
    find_activation(name)
    return name


def _prove_actor(params: Mapping[str, Any], hidden_and_mean: list[Any]) -> None:
    """Raise unless these layers and `log(std)` are all there is, a matrix and a bias each."""
    names = [f"Dense_{i}" for i in range(len(hidden_and_mean) + 1)]
    other = sorted(params.keys() ^ set(names))
    if other:
        raise DataError(f"the actor has or lacks {other[0]!r}: it is not the network of SAC")
    shapes = []
    for name in names:
        if params[name].keys() != {"kernel", "bias"}:
            raise DataError(f"{name} of the actor is no layer with kernel and bias")
        kernel, bias = (np.shape(params[name][part]) for part in ("kernel", "bias"))
        if len(kernel) != 2 or bias != kernel[1:]:
            raise DataError(f"{name} of the actor has kernel {kernel} and bias {bias}")
        shapes.append(kernel)
    *chain, spread = shapes
    joined = all(before[1] == after[0] for before, after in pairwise(chain))
    if not joined or spread != chain[-1]:
        raise DataError(f"the layers of the actor have shapes {shapes}: it is not SAC's network")


def _export(
    actors: Iterable[_Actor], env_id: str, folder: Path, config: SACConfig, episodes: int
) -> Path:
    """Put the best of the last actors into the place of the last one, with its card."""
    path, by_age = folder / EXPERT, {actor.steps: actor for actor in actors}
    best, selection = best_of({age: actor.player for age, actor in by_age.items()}, env_id)
    write_whole(path, by_age[best].content)
    card = {
        "env": env_id,
        "algorithm": "SAC",
        "recipe": f"python -m lrs_lightning expert fit --env {env_id}",
        "environment_steps": best,
        "config": asdict(config),
        "seed": config.seed,
        **selection,
        **measured(by_age[best].player, env_id, episodes),
    }
    write_card(path, card)
    return path


def _save_actor(model: Any, env_id: str, folder: Path) -> _Actor:
    """Write the actor as it is now."""
    steps = int(model.num_timesteps)
    header = {"env": env_id, "algorithm": "SAC", "steps": str(steps)}
    header |= {"activation": actor_activation(model.policy), "output": "tanh"}
    layers = actor_layers(model.policy.actor_state.params)
    if not all(np.isfinite(layer).all() for layer in layers.values()):
        raise NotFiniteError(
            f"after {header['steps']} steps the actor's weights are not finite: the training has "
            f"diverged; {folder / EXPERT} keeps those of {_CHUNK:,} steps before, if any"
        )
    content = bytes(save(layers, header))
    path = write_whole(folder / EXPERT, content)
    return _Actor(steps, content, load_expert(path, env_id))


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
