"""Turns a CSV of `python -m benchmarks kernels` into the tables of kernels/README.md.

`python -m benchmarks.kernel_table [CSV]` prints them.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks._provenance import RESULTS

Row = dict[str, str]
_OURS, _CALLS = "ours native", "ours calls"
_PEER = {"lstm": "torch.nn.LSTM", "gru": "torch.nn.GRU", "rnn": "torch.nn.RNN"}


def read(path: Path) -> list[Row]:
    """Rows of a result file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def render(rows: Sequence[Row]) -> str:
    """All tables, as Markdown; times are tenth percentiles, so are the ratios."""
    where, commits = rows[0], ", ".join(sorted({row["commit"] for row in rows}))
    source = (
        f"{where['device']}; torch {where['torch']}, Python {where['python']}, "
        f"commit {commits}, {where['date']}; tenth percentiles, interleaved rounds."
    )
    return "\n\n".join([source, _cfc(rows), _others(rows), _population(rows), _step(rows)])


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _by_provider(rows: Sequence[Row], **wanted: str) -> dict[tuple[str, str], dict[str, float]]:
    """Milliseconds by (threads, case) and provider."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if all(row[key] == value for key, value in wanted.items()):
            times = found.setdefault((row["threads"], row["case"]), {})
            times[row["provider"]] = float(row["p10_ms"])
    return found


def _cfc(rows: Sequence[Row]) -> str:
    header = [
        "CfC, training step", "threads", "ours, ms", "ours without a compiler, ms", "ncps / ours",
        "ours / nn.LSTM",
    ]  # fmt: skip
    lines = (
        [
            case, threads, f"{t[_OURS]:.2f}", f"{t[_CALLS]:.2f}", f"{t['ncps'] / t[_OURS]:.1f}",
            f"{t[_OURS] / t['torch.nn.LSTM']:.2f}",
        ]
        for (threads, case), t in _by_provider(rows, mode="training", cell="cfc").items()
    )  # fmt: skip
    return _table(header, lines)


def _others(rows: Sequence[Row]) -> str:
    header = ["training step, ours / torch's own", "threads", "LSTM", "GRU", "RNN"]
    tables = {cell: _by_provider(rows, mode="training", cell=cell) for cell in _PEER}
    lines = (
        [case, threads, *(f"{t[threads, case][_OURS] / t[threads, case][_PEER[cell]]:.2f}"
                          for cell, t in tables.items())]
        for threads, case in tables["lstm"]
    )  # fmt: skip
    return _table(header, lines)


def _population(rows: Sequence[Row]) -> str:
    header = [
        "16 CfCs, training step", "threads", "one launch, ms", "16 calls / one launch",
        "without a compiler: one launch, ms", "16 calls / one launch",
    ]  # fmt: skip
    lines = []
    for (threads, case), times in _by_provider(rows, mode="population").items():
        line = [case, threads]
        for name in (_OURS, _CALLS):
            one = times[f"{name}, one launch"]
            many = next(time for key, time in times.items() if key.startswith(f"{name}, 16"))
            line += [f"{one:.2f}", f"{many / one:.2f}"]
        lines.append(line)
    return _table(header, lines)


def _step(rows: Sequence[Row]) -> str:
    header = ["one step at batch 1, I 32, median", "CfC", "LSTM", "GRU", "RNN", "nn.LSTMCell"]
    lines = []
    # A step of one row is no work for two threads.
    here = [row for row in rows if row["mode"] == "step" and row["threads"] == "1"]
    for case in dict.fromkeys(row["case"] for row in here):
        medians = [f"{float(r['median_ms']) * 1e3:.1f} µs" for r in here if r["case"] == case]
        lines.append([case, *medians])
    return _table(header, lines)


if __name__ == "__main__":
    print(render(read(Path(sys.argv[1]) if sys.argv[1:] else RESULTS / "kernels_cpu.csv")))
