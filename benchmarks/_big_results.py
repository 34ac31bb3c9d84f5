"""What is measured by `big_results.py`, in a process that imports what it needs and no more."""

from __future__ import annotations

import json
import time

from benchmarks._process import Row, peak_mb


def child(which: str, out: str, *paths: str) -> None:
    """Read, merge or report, and print what it took."""
    told: Row = {}
    if which == "report":
        from lrs_lightning.report import write_report

        begin = time.perf_counter()
        told["mb"] = round(write_report(paths, f"{out}.html").stat().st_size / 1e6, 2)
    else:
        from lrs_lightning.statistics import merge_results, stream_results

        begin = time.perf_counter()
        if which == "merge":
            told["rows"] = merge_results(paths, f"{out}.jsonl")
        else:
            told["rows"] = sum(1 for path in paths for _ in stream_results(path))
    took = round(time.perf_counter() - begin, 3)
    print(json.dumps({"own_seconds": took, "peak_mb": peak_mb(), **told}))
