"""The runs that `analyze` is given: folders of runs spread out, and names that differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lrs_lightning.analysis.run import default_folder
from lrs_lightning.training.candidate import run_name
from lrs_lightning.training.checkpoint_files import FOLDER


def distinct(runs: Sequence[Path]) -> list[str]:
    """Names that differ: with their folder where needed, and numbered where that does not help."""
    names = [run_name(run) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{_home(run).parent.name}/{name}" for run, name in zip(runs, names, strict=True)]
    counts: dict[str, int] = {}
    found = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        found.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
    return found


def _home(run: Path) -> Path:
    """The run folder of a run or checkpoint."""
    return default_folder(run.resolve()).parent


def run_folders(paths: Sequence[str]) -> list[str]:
    """The same paths, where a folder of run folders stands for all of them, by their numbers."""
    found: list[str] = []
    for path in paths:
        inside = {} if is_run(Path(path)) else {p: None for p in Path(path).glob("*") if is_run(p)}
        found += [str(p) for p in sorted(inside, key=_by_number)] or [path]
    return found


def is_run(path: Path) -> bool:
    """Whether it is a file, or a folder with checkpoints."""
    return path.is_file() or (path / FOLDER).is_dir()


def _by_number(path: Path) -> tuple[str, int]:
    digits = re.search(r"\d+$", path.name)
    return path.name.rstrip("0123456789"), int(digits[0]) if digits else -1
