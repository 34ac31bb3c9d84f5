"""`python -m benchmarks.gpu.tables [FOLDER]`: what a lent GPU measured, as Markdown for the README.

Rows of another version of the kernels than the newest row's are left out, and so is, with a line
that says it, whatever did not agree with the reference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.gpu.journal import ROOT, Journal, Row

DIRECTIONS = ("forward", "backward")
PROVIDERS = ("ours bf16 module", "cuDNN bf16", "ours bf16", "ours tf32", "cuDNN float32")
SHARES = (("cuDNN bf16", "ours bf16 module"), ("cuDNN float32", "ours bf16"))
NOT_MEASURED = "not measured yet"


def main(words: Sequence[str]) -> None:
    """Print all tables."""
    folder = Path(words[0]) if words else ROOT / "benchmarks" / "results" / "gpu"
    for lines in (machine(folder), scans(folder), members(folder), layers(folder), small(folder)):
        print(*lines, "", sep="\n")


def newest(file: Path) -> list[Row]:
    """Rows of the kernels that were measured last; the last row of a key counts."""
    rows = Journal(file).rows()
    if not rows:
        return []
    source = rows[-1]["source"]
    return list({row["key"]: row for row in rows if row["source"] == source}.values())


def machine(folder: Path) -> list[str]:
    """One sentence."""
    found = {row["key"]: row for row in newest(folder / "smoke.jsonl")}.get("machine")
    if found is None:
        return ["No machine has been measured."]
    return [
        f"{found['device']}, torch {found['torch']}, Triton {found['triton']}, Python "
        f"{found['python']}; source of the kernels {found['source']}. A copy in its memory moved "
        f"{found['copy_gb_per_s']} GB/s, a large bf16 product ran at "
        f"{found['bf16_tflop_per_s']:.0f} TFLOP/s."
    ]


def scans(folder: Path) -> list[str]:
    """Microseconds of a step of one scan: forward / backward."""
    rows = newest(folder / "scans.jsonl")
    wrong = [row["key"] for row in rows if not row["agrees"]]
    found = {row["key"]: row for row in rows if row["agrees"] and row["members"] == 1}
    low, plain = "bfloat16", "float32"
    kinds = [
        (f"B {batch}, {precision}{', resets' * resets}{', bf16 in memory' * (storage == low)}",
         (batch, precision, resets, storage))
        for batch, precision, resets, storage in (
            (32, "bf16", False, plain), (32, "bf16", False, low), (32, "bf16", True, plain),
            (32, "tf32", False, plain), (256, "bf16", False, plain), (256, "bf16", False, low),
            (1024, "bf16", False, plain), (1024, "bf16", False, low), (1024, "tf32", False, plain),
            (32, "ieee", False, plain),
        )
    ]  # fmt: skip
    lines = _head(["cell", "H", *(name for name, _ in kinds)])
    for cell in ("cfc", "lstm", "gru", "rnn"):
        for hidden in (64, 128, 256):
            cells = [_pair(found.values(), cell, hidden, *kind) for _, kind in kinds]
            if any(cells):
                lines.append(_line([cell, hidden, *(text or "-" for text in cells)]))
    return [*lines, *(f"Differs from the reference: {key}" for key in wrong)]


def _pair(
    rows: Iterable[Row],
    cell: str,
    hidden: int,
    batch: int,
    precision: str,
    resets: bool,
    storage: str,
) -> str:
    wanted = {
        "cell": cell, "hidden": hidden, "batch": batch, "precision": precision, "resets": resets,
        "steps": 256,
    }  # fmt: skip
    found = {
        row["direction"]: row
        for row in rows
        if wanted.items() <= row.items() and row.get("storage", "float32") == storage
    }
    if len(found) < 2:
        return ""
    text = " / ".join(f"{found[direction]['us_per_step']:.2f}" for direction in DIRECTIONS)
    return f"{text} (steps)" if found["forward"]["path"] == "step" else text


def members(folder: Path) -> list[str]:
    """A population in one launch beside as many launches."""
    rows = {row["key"]: row for row in newest(folder / "scans.jsonl") if row["agrees"]}
    lines = _head(["cell", "pass", "B", "16 members, µs", "one, µs", "16 launches / one"])
    for row in rows.values():
        alone = rows.get(row["key"].replace("-P16-", "-P1-"))
        if row["members"] == 16 and alone is not None:
            together, one = row["median_us"], alone["median_us"]
            lines.append(_line([
                row["cell"], row["direction"], row["batch"], f"{together:.1f}", f"{one:.1f}",
                f"{16 * one / together:.1f}",
            ]))  # fmt: skip
    return lines


def layers(folder: Path) -> list[str]:
    """A training update of a layer at T = 256, on the device alone, in microseconds."""
    rows = newest(folder / "layers.jsonl")
    lines = _head(["cell", "sizes", *PROVIDERS, *(f"{peer} / {ours}" for peer, ours in SHARES)])
    cases = dict.fromkeys((row["cell"], row["case"]) for row in rows if row["steps"] == 256)
    for cell, case in cases:
        found = {row["provider"]: row for row in rows if (row["cell"], row["case"]) == (cell, case)}
        times = {name: row["training_median_us"] for name, row in found.items()}
        told = (f"{times[name]:.0f}" if name in times else NOT_MEASURED for name in PROVIDERS)
        shares = (
            f"{times[peer] / times[ours]:.2f}" if peer in times and ours in times else "-"
            for peer, ours in SHARES
        )  # fmt: skip
        lines.append(_line([cell, case, *told, *shares]))
    return lines


def small(folder: Path) -> list[str]:
    """Every provider at one size: on the device alone, and by the clock of a user's loop."""
    rows = [row for row in newest(folder / "layers.jsonl") if row["steps"] == 64]
    lines = _head(["cell", "provider", "sizes", "forward, µs", "training, µs", "by the clock, µs"])
    for row in rows:
        times = (row[f"{name}_median_us"] for name in ("forward", "training", "clock"))
        lines.append(
            _line([row["cell"], row["provider"], row["case"], *(f"{t:.0f}" for t in times)])
        )
    return lines


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), f"|{'---|' * len(names)}"]


def _line(values: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, values))} |"


if __name__ == "__main__":
    main(sys.argv[1:])
