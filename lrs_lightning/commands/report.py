"""`report`: one HTML page from run folders."""

from __future__ import annotations

from pathlib import Path

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(report, f"{PROGRAM} {verb}", arguments))


def report(runs: list[str], /, *, out: Path | None = None) -> int:
    """Write one self-contained HTML page from run folders.

    Tables, severity curves, heat maps, profiles, ranks, films and provenance; several runs are
    compared side by side, with paired differences.

    Args:
        runs: run folders, or paths of results.jsonl
        out: the HTML file; else report.html in the only run, or here
    """
    from lrs_lightning.report import write_report

    single = Path(runs[0])
    folder = single if len(runs) == 1 and single.is_dir() else Path()
    page = write_report(runs, out or folder / "report.html")
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB)")
    return 0
