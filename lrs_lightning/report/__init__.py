"""One self-contained HTML page from run folders: no network, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lrs_lightning.files import write_whole
from lrs_lightning.report.page import page
from lrs_lightning.report.runs import Run, gather, read_run

__all__ = ["Run", "write_report"]


def write_report(
    runs: Sequence[str | Path],
    out: str | Path,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write a report of one run, or of several side by side.

    Args:
        runs: run folders with a `results.jsonl` (and a `summary.json`), or results files.
        out: the HTML file.
        groups: method -> the runs that are its training seeds, as paths or by the names that their
            policies have in the page; those that are not among `runs` are added. The others are
            grouped by configuration.

    Returns:
        Its path.

    Raises:
        DataError: no results in a run, or a damaged file.
        EnvironmentMismatchError: runs of different tasks.
        ArgumentError: groups that cannot be.
    """
    known = [str(run) for run in runs]
    named = (word for words in (groups or {}).values() for word in words)
    known += dict.fromkeys(word for word in named if word not in known and Path(word).exists())
    return write_whole(out, page(gather([read_run(run) for run in known], groups)))
