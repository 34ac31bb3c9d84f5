"""`report`: one HTML page from run folders."""

from __future__ import annotations

from pathlib import Path

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(report, f"{PROGRAM} {verb}", arguments))


def report(runs: list[str], /, *, group: list[str] | None = None, out: Path | None = None) -> int:
    """Write one self-contained HTML page from run folders.

    Tables, severity curves, heat maps, profiles, ranks, films and provenance; several runs are
    compared side by side. Runs that differ in their training seeds alone are one method, and its
    intervals are over seeds.

    Args:
        runs: run folders, or paths of results.jsonl
        group: NAME=RUN RUN ... NAME=RUN ...: runs that are training seeds of one method; else those
            of one configuration
        out: the HTML file; else report.html in the only run, or here
    """
    from lrs_lightning.commands.groups import groups_of
    from lrs_lightning.report import write_report
    from lrs_lightning.report.offline_page import is_offline, write_offline_report

    single = Path(runs[0])
    folder = single if len(runs) == 1 and single.is_dir() else Path()
    target = out or folder / "report.html"
    if all(is_offline(Path(run)) for run in runs):  # of data without a simulator
        page = write_offline_report([Path(run) for run in runs], target)
    else:
        page = write_report(runs, target, groups_of(group))
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB)")
    return 0
