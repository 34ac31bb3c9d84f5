"""Import the Atari demonstrations of ncps' examples: files of 32 stacked observations and actions.

`train_00000.npz` and so on, `val_00000.npz` and so on; each has `obs (T, 84, 84, 4)` uint8, the
newest frame last, and `actions (T,)`. Files that follow each other in the game are joined, so that
a frame is stored once and not four times; stacks read back are the original to the last bit.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.frames import PackedFrames
from lrs_lightning.data.store import Demonstration, DemonstrationStore, write_store
from lrs_lightning.data.task import Task
from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def import_ncps_npz(
    source: str | Path,
    out: str | Path,
    env: str = "Breakout",
    on_file: Callable[[int, int], None] | None = None,
) -> DemonstrationStore:
    """Turn a folder of `train_*.npz` and `val_*.npz` into a store.

    Args:
        source: the folder.
        out: folder of the store; episodes of the `val_*` files are its validation episodes.
        env: the game, which the files do not name.
        on_file: called with the number of files read and of all.

    Raises:
        ArgumentError: the folder has no such files.
        DataError: a file is damaged, or holds other arrays; nothing in it is ever executed.
        EnvironmentMismatchError: an action that the game does not have.
    """
    info, folder = describe(env), Path(source)
    groups = {part: sorted(folder.glob(f"{part}_*.npz")) for part in ("train", "val")}
    total = sum(map(len, groups.values()))
    if not groups["train"]:
        raise ArgumentError(f"{folder} has no train_*.npz: give the folder of ncps' demonstrations")
    task = Task.of(info.env_id, info.observation_space, info.action_space)
    episodes: list[Demonstration] = []
    validation: list[int] = []
    read = 0
    for part, files in groups.items():
        first = len(episodes)
        for run in _runs(files, info.action_space):
            episodes.append(_episode(run))
            read += len(run)
            if on_file is not None:
                on_file(read, total)
        if part == "val":
            validation = list(range(first, len(episodes)))
    about: dict[str, Any] = {
        "expert": "ncps",
        "expert_card": {},
        "noise": [],
        "seeds": [],
        "format": "ncps-npz",
        "rewards": "not in the source: zero",
        "files": total,
    }
    if validation:
        about["validation"] = validation
    return write_store(out, task, episodes, about)


def _runs(files: list[Path], actions: gym.Space[Any]) -> Iterator[list[Arrays]]:
    """Files that follow each other without a gap."""
    run: list[Arrays] = []
    for file in files:
        stacks, chosen = _read(file, actions)
        if run and not np.array_equal(run[-1][0][-1, ..., 1:], stacks[0, ..., :-1]):
            yield run
            run = []
        run.append((stacks, chosen))
    if run:
        yield run


def _read(file: Path, actions: gym.Space[Any]) -> Arrays:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            stacks, chosen = arrays["obs"], arrays["actions"]
    except KeyError as error:
        raise DataError(f"{file} has no array {error}: expected obs and actions") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} cannot be read ({error}): copy it again") from None
    _check(file, stacks, chosen)
    if int(chosen.min()) < 0 or int(chosen.max()) >= getattr(actions, "n", 0):
        raise EnvironmentMismatchError(
            f"{file} has actions from {chosen.min()} to {chosen.max()} and the game has {actions}: "
            "name the right game with --env"
        )
    return stacks, chosen.astype(np.int64)


def _check(file: Path, stacks: NDArray[Any], chosen: NDArray[Any]) -> None:
    if stacks.dtype != np.uint8 or stacks.shape[1:] != (84, 84, 4) or not len(stacks):
        raise DataError(
            f"{file}: obs has shape {stacks.shape} of {stacks.dtype}, expected uint8 (T, 84, 84, 4)"
        )
    if chosen.shape != stacks.shape[:1] or chosen.dtype.kind not in "iu":
        raise DataError(
            f"{file}: actions has shape {chosen.shape} of {chosen.dtype}, expected "
            f"{len(stacks)} integers"
        )
    older, newer = stacks[1:, ..., :-1], stacks[:-1, ..., 1:]
    if not np.array_equal(older, newer):
        raise DataError(f"{file}: the stacks do not follow one another: a frame is missing")


def _episode(run: list[Arrays]) -> Demonstration:
    newest = np.concatenate([stacks[..., -1] for stacks, _ in run])  # (L, 84, 84)
    before = np.moveaxis(run[0][0][0, ..., :-1], -1, 0)[:, None]  # (3, 1, 84, 84)
    chosen = np.concatenate([actions for _, actions in run])
    return Demonstration(
        observations=PackedFrames(newest[:, None]),
        actions=chosen,
        labels=chosen,
        rewards=np.zeros(len(chosen), np.float32),
        before=before if before.any() else None,
    )
