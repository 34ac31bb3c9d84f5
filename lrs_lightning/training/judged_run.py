"""The run that `validate`, `test` and `predict` judge: its folder, and the data it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrs_lightning.documents import read_yaml
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.foreign_id import check_foreign_id
from lrs_lightning.options.peek import value_of

CONFIG = "config.yaml"
_CHECKPOINTS = "checkpoints"  # the folder of a run; `checkpoint_files.py` would import torch
_PLACES = ("path", "env")


def needs_a_policy(verb: str) -> ArgumentError:
    """The sentence where none is named: untrained weights are not judged."""
    return ArgumentError(
        f"{verb} needs a trained policy: give --ckpt_path, a run folder or a .ckpt file, e.g. "
        "runs/HalfCheetah-v5/version_0"
    )


def run_of(checkpoint: str | Path) -> Path | None:
    """The run folder of a checkpoint, or the one that is named itself; None where there is none."""
    path = Path(checkpoint)
    if (path / _CHECKPOINTS).is_dir():
        return path
    inside = path.parent.name == _CHECKPOINTS and path.parent.is_dir()
    return path.parent.parent if inside else None


def joined(run: Path) -> dict[str, str]:
    """Settings of a logger that writes into a run folder."""
    return {"save_dir": str(run.parent.parent), "name": run.parent.name, "version": run.name}


def data_words(words: Sequence[str]) -> list[str]:
    """Options of the data that a run learned from, for a command line that judges it.

    They go before all other words, which win. A loss on other episodes, or in other windows, would
    say nothing of the run. Where the words choose other demonstrations, these are left alone.

    Args:
        words: the command line after the verb, with `--ckpt_path`.
    """
    run = run_of(value_of("ckpt_path", words) or "")
    if run is None or any(value_of(f"data.{key}", words) is not None for key in _PLACES):
        return []
    return [f"--data.{key}={value}" for key, value in _plain_data(run / CONFIG).items()]


def _plain_data(file: Path) -> Mapping[str, Any]:
    """The section `data` of a configuration; empty where it is more than names and numbers.

    The folder may be somebody else's, and what is named there must not be imported.
    """
    if file.is_symlink() or not file.is_file():
        return {}
    try:
        data = read_yaml(file, dict[str, Any], "").get("data")
        if isinstance(data, Mapping) and data.get("env") is not None:
            check_foreign_id(str(data["env"]), str(file))
    except DataError:
        return {}
    if not isinstance(data, Mapping):
        return {}
    given = {str(key): value for key, value in data.items() if value is not None}
    return given if all(_is_plain(key, value) for key, value in given.items()) else {}


def _is_plain(key: str, value: Any) -> bool:
    if isinstance(value, int | float):
        return True
    known = key in ("path", "env", "noise") or (key, value) == ("expert", "shipped")
    return isinstance(value, str) and known
