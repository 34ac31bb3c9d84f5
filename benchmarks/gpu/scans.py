"""Stage `scans`: microseconds of a time step of the kernels alone, each held to the reference."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch

from benchmarks.gpu.journal import Journal
from benchmarks.gpu.scan_cases import TOLERANCE, Scan, ScanCase, chosen
from benchmarks.gpu.stage import Job, each_in_time, job, side_by_side
from benchmarks.gpu.timing import on_device

CHECKED_STEPS = 32


def cases(rehearsed: bool) -> Iterator[ScanCase]:
    """What is timed, the most telling first."""
    if rehearsed:
        yield from (ScanCase("cfc", d, "bf16", 16, 3, 2) for d in DIRECTIONS)
        yield ScanCase("lstm", "backward", "tf32", 16, 3, 2, members=2, resets=True)
        yield ScanCase("gru", "backward", "bf16", 16, 3, 2, storage="bfloat16")
        return
    for batch, cell, hidden, kind, direction in product(
        (32, 256, 1024), ("cfc", "lstm"), (64, 128), KINDS, DIRECTIONS
    ):
        precision, storage = kind
        yield ScanCase(cell, direction, precision, hidden, batch, storage=storage)
    for cell, hidden, direction in product(("cfc", "lstm"), (64, 128), DIRECTIONS):
        yield ScanCase(cell, direction, "bf16", hidden, 32, resets=True)
    for cell, hidden, kind, direction in product(("gru", "rnn"), (64, 128), KINDS, DIRECTIONS):
        precision, storage = kind
        yield ScanCase(cell, direction, precision, hidden, 32, storage=storage)
    for cell, hidden, direction in product(("cfc", "lstm"), (64, 256), DIRECTIONS):
        yield ScanCase(cell, direction, "ieee", hidden, 32)
    for cell, batch, direction in product(("cfc", "lstm"), (8, 32), DIRECTIONS):
        yield ScanCase(cell, direction, "bf16", 64, batch, 32, members=16)
        yield ScanCase(cell, direction, "bf16", 64, batch, 32)
    for cell, direction in product(("cfc", "lstm"), DIRECTIONS):
        yield ScanCase(cell, direction, "bf16", 256, 32)
        yield ScanCase(cell, direction, "bf16", 512, 256)


DIRECTIONS = ("forward", "backward")
KINDS = (("bf16", "bfloat16"), ("bf16", "float32"), ("tf32", "float32"))
"""Precision of the products, and what numbers are in memory."""


def main(arguments: list[str]) -> None:
    """Compile in many processes at once, then time alone."""
    task = job(arguments, "benchmarks.gpu.scans")
    journal = Journal(task.out / "scans.jsonl")
    left = [case for case in cases(task.rehearse) if case.key not in journal.done()]
    if task.worker is not None:
        for case in left[task.worker :: task.workers]:
            Scan(replace(case, steps=4), task.device).call(case.direction)()
        return
    if not task.rehearse:
        side_by_side("benchmarks.gpu.scans", task)
    for case in each_in_time(left, task):
        journal.add(case.key, measured(case, task))


def measured(case: ScanCase, task: Job) -> dict[str, object]:
    """One row: what runs, how long a step takes, how far off it is."""
    torch.manual_seed(0)
    short = replace(case, steps=min(case.steps, CHECKED_STEPS))
    y, dz = Scan(short, task.device).errors()
    allowed = TOLERANCE[case.precision]
    agrees = y <= allowed[0] and dz <= allowed[1]  # False for NaN
    timed = on_device(Scan(case, task.device).call(case.direction))
    row = {
        **case.columns(), **chosen(case), "us_per_step": round(timed.median / case.steps, 4),
        **timed.row(), "error_y": y, "error_dz": dz, "agrees": agrees,
    }  # fmt: skip
    print(
        case.key,
        row["path"],
        f"{row['us_per_step']} us/step",
        "" if agrees else "WRONG",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
