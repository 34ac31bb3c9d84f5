"""The checkpoints of a run folder: which there are, and how one is found and read.

checkpoints/initial.ckpt    the weights before the first update
checkpoints/last.ckpt       the last update
checkpoints/previous.ckpt   what `last.ckpt` was before, for the day when that is damaged
checkpoints/best.ckpt       the lowest validation loss, over restarts too
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lrs_lightning.checkpoints import local_path, read_checkpoint
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.near import did_you_mean_path, such_as

FOLDER = "checkpoints"
INITIAL, LAST, PREVIOUS, BEST = "initial.ckpt", "last.ckpt", "previous.ckpt", "best.ckpt"


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint at a path: the file itself, or the last one of a run folder.

    Raises:
        ArgumentError: there is none, or the path is an address of the network.
    """
    path = local_path(path)
    if path.is_dir():
        last = path / FOLDER / LAST
        if not _there(last):
            such = such_as(path, f"{FOLDER}/{LAST}")
            raise ArgumentError(
                f"{path} has no {FOLDER}/{LAST}: give a run folder{such} or a .ckpt file"
            )
        return last
    if not _there(path):
        near = did_you_mean_path(path)
        raise ArgumentError(f"no checkpoint at {path}{near}: give a run folder or a .ckpt file")
    return path


def find_in_runs(runs: Path, name: str) -> Path:
    """The last or best checkpoint of the newest run among `runs/version_*`.

    Args:
        runs: a folder of run folders, or a run folder.
        name: `"last"` or `"best"`.

    Raises:
        ArgumentError: no run has one.
    """
    file = f"{name}.ckpt"
    folders = [runs, *sorted(runs.glob("version_*"), key=_number, reverse=True)]
    for folder in folders:
        if _there(folder / FOLDER / file):
            return folder / FOLDER / file
    raise ArgumentError(
        f"no run in {runs} has a checkpoint {file}: give the path of one to --ckpt_path, or leave "
        "--ckpt_path away to train from the start"
    )


def load_checkpoint(path: str | Path) -> tuple[dict[str, Any], Path]:
    """Read the checkpoint at a path, or the one before it where the last is damaged.

    Returns:
        What it holds, and the file that was read. That it was another one is said on stderr.

    Raises:
        ArgumentError: there is none, or the path is an address of the network.
        DataError: it is damaged, holds code, or is no checkpoint, and so is the one before it.
    """
    file = find_checkpoint(path)
    try:
        return read_checkpoint(file), file
    except DataError as error:
        previous = file.with_name(PREVIOUS)
        if file.name != LAST or not previous.is_file():
            raise
        state = read_checkpoint(previous)
        step = state.get("global_step", "unknown")
        print(f"note: {error}; {previous} of update {step} takes its place", file=sys.stderr)
        return state, previous


def _there(file: Path) -> bool:
    """Whether the file is there, or what stands in for it."""
    return file.is_file() or (file.name == LAST and file.with_name(PREVIOUS).is_file())


def _number(version: Path) -> int:
    digits = version.name.removeprefix("version_")
    return int(digits) if digits.isdecimal() else -1
