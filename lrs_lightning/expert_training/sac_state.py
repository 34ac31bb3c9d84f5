"""A SAC training as files, from which it goes on exactly.

The library would keep its state in pickles, and none is run here: what was learnt lies in
`last.ckpt` as plain tensors, what is remembered in `replay/`, a file for each part of the training.
Episodes that are being played cannot be saved. They end with the part, and the next part begins new
ones, from seeds that follow from the training's seed and the steps so far, as all its random
numbers do: what a part does depends on nothing else than these files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrs_lightning.checkpoints import check_finite, read_checkpoint, write_checkpoint
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.files import make_folder

CHECKPOINT = "last.ckpt"
PREVIOUS = "previous.ckpt"
REPLAY = "replay"

_REMEMBERED = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_PARTS = {
    **{"env": str, "config": dict, "learnt": dict, "keys": list},
    **{"steps": int, "updates": int, "episodes": int},
}
_MEND = "train anew in another folder"


def begin_part(model: Any, seed: int) -> None:
    """Have the next part of the training follow from what is saved and from nothing else."""
    drawn = np.random.SeedSequence([seed, int(model.num_timesteps)]).generate_state(1)[0]
    model.set_random_seed(int(drawn) % 2**30)  # NumPy, Python, PyTorch, JAX, actions, environments
    model._last_obs = None  # the library begins new episodes where there is no observation
    model.ep_info_buffer = None  # and new means over episodes


def save_state(model: Any, folder: Path, env_id: str, config: SACConfig, start: int) -> None:
    """Write the state at the end of a part; the one before it is kept.

    The memory is written first: a kill between the two leaves the checkpoint before, and what it
    needs.

    Args:
        model: sbx's SAC.
        folder: of the training.
        env_id: the task.
        config: the recipe.
        start: steps when the part began.

    Raises:
        DataError: it cannot be written.
        NotFiniteError: a weight is NaN or infinite.
    """
    steps = int(model.num_timesteps)
    learnt = {str(number): leaf for number, leaf in enumerate(_leaves(model))}
    check_finite(learnt, f"after {steps:,} steps")
    memory = make_folder(folder / REPLAY)
    part = _remembered(model.replay_buffer, start, steps)
    write_checkpoint(part, memory / f"{start}-{steps}.ckpt")
    state = {
        "env": env_id,
        "config": asdict(config),
        "steps": steps,
        "updates": int(model._n_updates),
        "episodes": int(model._episode_num),
        "learnt": learnt,
        # As signed numbers: PyTorch knows few operations on others.
        "keys": [torch.from_numpy(np.array(key, np.int64)) for key in _keys(model)],
    }
    write_checkpoint(state, folder / CHECKPOINT, folder / PREVIOUS)
    # The checkpoint before needs what lies a part further back.
    oldest = start - config.buffer_size
    for (_, end), path in _parts(folder).items():
        if end <= oldest:
            path.unlink(missing_ok=True)


def has_state(folder: Path) -> bool:
    """Whether a folder holds a training that can go on."""
    return any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS))


def load_state(model: Any, folder: Path, env_id: str, config: SACConfig) -> int:
    """Put the folder's state into a model that was built for it; the steps so far, 0 for none.

    Raises:
        ArgumentError: it is of another task or recipe.
        DataError: a file is damaged, missing, or of another network.
    """
    if not has_state(folder):
        return 0
    state = _read_good(folder)
    _check_recipe(state, folder / CHECKPOINT, env_id, config)
    _recall(model.replay_buffer, folder, state["steps"])
    _put_leaves(model, list(state["learnt"].values()), folder / CHECKPOINT)
    model.policy.key, model.policy.noise_key = (
        key.numpy().astype(np.uint32) for key in state["keys"]
    )
    model.num_timesteps, model._n_updates = state["steps"], state["updates"]
    model._episode_num = state["episodes"]
    return int(state["steps"])


def _keys(model: Any) -> tuple[Any, Any]:
    """Of the noise of actions; the other random numbers begin anew with each part."""
    return model.policy.key, model.policy.noise_key


def _check_recipe(state: Mapping[str, Any], path: Path, env_id: str, config: SACConfig) -> None:
    """Refuse to go on as something else; only the length may be another."""
    asked = {"env": env_id, **asdict(config)}
    was = {"env": state["env"], **state["config"]}
    changed = [
        f"{name} (was {was.get(name)}, is {asked[name]})"
        for name in asked
        if name != "steps" and was.get(name) != asked[name]
    ]
    if changed:
        raise ArgumentError(
            f"{path} was trained with another recipe: {', '.join(changed)}; give the same values, "
            "or another folder with --out"
        )


def _read_good(folder: Path) -> dict[str, Any]:
    """The checkpoint, or the one before it where it is damaged, which is said."""
    try:
        return _read(folder / CHECKPOINT)
    except DataError as error:
        if not (folder / PREVIOUS).is_file():
            raise
        state = _read(folder / PREVIOUS)
        at = f"{folder / PREVIOUS} of {state['steps']:,} steps"
        print(f"note: {error}; {at} takes its place", file=sys.stderr)
        return state


def _read(path: Path) -> dict[str, Any]:
    state = read_checkpoint(path)
    wrong = [key for key, kind in _PARTS.items() if not isinstance(state.get(key), kind)]
    tensors = [] if wrong else [*state["learnt"].values(), *state["keys"]]
    if wrong or not all(isinstance(tensor, Tensor) for tensor in tensors):
        lacking = ", ".join(wrong) or "tensors"
        raise DataError(f"{path} is not of a SAC training: it lacks {lacking}")
    return state


def _learnt(model: Any) -> tuple[Any, ...]:
    """Parameters, optimisers and counts of actor, critics and entropy."""
    return model.policy.actor_state, model.policy.qf_state, model.ent_coef_state


def _leaves(model: Any) -> list[Tensor]:
    """Their arrays, in the library's order."""
    from jax import tree_util

    return [torch.from_numpy(np.array(leaf)) for leaf in tree_util.tree_leaves(_learnt(model))]


def _put_leaves(model: Any, saved: list[Tensor], path: Path) -> None:
    from jax import tree_util

    before, shape = tree_util.tree_flatten(_learnt(model))
    if [tuple(leaf.shape) for leaf in saved] != [np.shape(leaf) for leaf in before]:
        raise DataError(f"{path} holds another network than its recipe's: {_MEND}")
    learnt = tree_util.tree_unflatten(shape, [leaf.numpy() for leaf in saved])
    model.policy.actor_state, model.policy.qf_state, model.ent_coef_state = learnt


def _remembered(buffer: Any, start: int, steps: int) -> dict[str, Any]:
    """What the memory took in between two numbers of steps, the oldest first."""
    first, last = start // buffer.n_envs, steps // buffer.n_envs
    slots = np.arange(max(first, last - buffer.buffer_size), last) % buffer.buffer_size
    return {name: torch.from_numpy(getattr(buffer, name)[slots]) for name in _REMEMBERED}


def _recall(buffer: Any, folder: Path, steps: int) -> None:
    """Fill the memory as it was after so many steps."""
    for path, end in _needed(folder, steps, buffer.buffer_size * buffer.n_envs):
        part = read_checkpoint(path)
        try:
            rows = len(part["rewards"])
            slots = np.arange(end // buffer.n_envs - rows, end // buffer.n_envs)
            for name in _REMEMBERED:
                getattr(buffer, name)[slots % buffer.buffer_size] = part[name].numpy()
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{path} is no part of this memory ({reason}): {_MEND}") from error
    seen = steps // buffer.n_envs
    buffer.pos, buffer.full = seen % buffer.buffer_size, seen >= buffer.buffer_size


def _needed(folder: Path, steps: int, remembered: int) -> list[tuple[Path, int]]:
    """The parts that the memory still holds and the steps at their ends, the oldest first."""
    by_end = {end: (start, path) for (start, end), path in _parts(folder).items()}
    found: list[tuple[Path, int]] = []
    end = steps
    while end > max(0, steps - remembered):
        if end not in by_end:
            raise DataError(f"{folder / REPLAY} has no part that ends at {end} steps: {_MEND}")
        start, path = by_end[end]
        found.append((path, end))
        end = start
    return found[::-1]


def _parts(folder: Path) -> dict[tuple[int, int], Path]:
    """Steps at its beginning and its end -> file."""
    found = {}
    for path in (folder / REPLAY).glob("*-*.ckpt"):
        start, _, end = path.stem.partition("-")
        if start.isdecimal() and end.isdecimal() and int(start) < int(end):
            found[int(start), int(end)] = path
    return found
