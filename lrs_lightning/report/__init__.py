"""One self-contained HTML page from run folders: no network, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lrs_lightning.files import write_whole
from lrs_lightning.report.page import page
from lrs_lightning.report.runs import Run, gather, read_run

__all__ = ["Run", "write_report"]


def write_report(runs: Sequence[str | Path], out: str | Path) -> Path:
    """Write a report of one run, or of several side by side.

    Args:
        runs: run folders with a `results.jsonl` (and a `summary.json`), or results files.
        out: the HTML file.

    Returns:
        Its path.

    Raises:
        DataError: no results in a run, or a damaged file.
        EnvironmentMismatchError: runs of different tasks.
    """
    return write_whole(out, page(gather([read_run(run) for run in runs])))
