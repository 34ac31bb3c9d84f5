"""`report`: one HTML page from run folders."""

from __future__ import annotations

from pathlib import Path

from lrs_lightning.commands._parser import Parser


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    parser = Parser(
        "report",
        "Write one self-contained HTML page: tables, severity curves, heat maps, profiles, ranks, "
        "films and provenance. Several runs are compared side by side, with paired differences.",
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folder, or the path of a results.jsonl"
    )
    parser.add_argument(
        "--out", help="the HTML file; by default report.html in the only run, or here"
    )
    options = parser.parse_args(arguments)

    from lrs_lightning.report import write_report

    single = Path(options.runs[0])
    folder = single if len(options.runs) == 1 and single.is_dir() else Path()
    out = write_report(options.runs, options.out or folder / "report.html")
    print(f"report: {out} ({out.stat().st_size / 1e6:.1f} MB)")
    return 0
