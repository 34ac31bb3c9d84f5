"""`python -m benchmarks kernels --offline`: every kernel of the table, compiled without a GPU.

Writes `results/offline_sm90.csv` and the table of `results/offline_sm90.md`: registers, shared
memory, spills, instructions of the time loop, and the time per step that these predict beside the
floor. Predictions are models (`benchmarks.kernel_roofline`), not measurements.
"""

from __future__ import annotations

from benchmarks._provenance import RESULTS, write_csv
from benchmarks.kernel_offline import (
    Kernel,
    Report,
    compile_for_sm90,
    describe,
    fingerprint,
    plain_kernels,
    table_kernels,
)
from benchmarks.kernel_roofline import floor_us, predicted_us
from lrs_kernels.triton.config import padded
from lrs_kernels.triton.device import H100
from lrs_lightning.files import write_whole

CSV = RESULTS / "offline_sm90.csv"
TABLE = RESULTS / "offline_sm90.md"


def main(arguments: list[str]) -> None:
    """Compile everything and write both files; there is nothing to choose."""
    if arguments:
        raise SystemExit(f"offline compilation takes no arguments, got {' '.join(arguments)}")
    rows = []
    for options, kernels in (("all", table_kernels()), ("mask and rank 8", plain_kernels())):
        for kernel in kernels:
            row = row_of(kernel, options, compile_for_sm90(kernel))
            print(
                describe(kernel),
                f"{row['registers']} registers, {row['shared_bytes']} B",
                flush=True,
            )
            rows.append(row)
    write_csv(CSV, rows)
    write_whole(TABLE, markdown([row for row in rows if row["options"] != "all"]))
    worst = max(int(str(row["shared_bytes"])) for row in rows)
    spilled = sum(int(str(row["spill_instructions"])) for row in rows)
    print(
        f"{len(rows)} kernels, {spilled} spills, at most {worst} of {H100.shared} B shared memory"
    )


def row_of(kernel: Kernel, options: str, report: Report) -> dict[str, object]:
    """One line of the CSV."""
    plan, loop = kernel.plan, report.loop
    rank = padded(kernel.rank) if plan.path == "factored" else 0
    floor = floor_us(
        kernel.cell, kernel.direction, kernel.precision, kernel.hidden, rank, plan.block_b
    )
    predicted = predicted_us(loop, plan.tile.num_warps, kernel.precision)
    return {
        "cell": kernel.cell,
        "direction": kernel.direction,
        "precision": kernel.precision,
        "path": plan.path,
        "hidden": kernel.hidden,
        "rank": kernel.rank,
        "rows": plan.block_b,
        "warps": plan.tile.num_warps,
        "ahead": plan.tile.ahead,
        "held": plan.tile.held,
        "options": options,
        "registers": report.resources.registers,
        "shared_bytes": report.shared,
        "stack_bytes": report.resources.stack,
        "spill_instructions": report.resources.spills,
        "loop_instructions": loop.total(),
        "loop_mma": sum(n for name, n in loop.items() if name.startswith(("HMMA", "HGMMA"))),
        "loop_barriers": sum(n for name, n in loop.items() if name.startswith("BAR")),
        "predicted_us_per_step": f"{predicted:.3f}",
        "floor_us_per_step": f"{floor:.3f}",
        "kernels": fingerprint(),
    }


def markdown(rows: list[dict[str, object]]) -> str:
    """The table for readers."""
    head = (
        "| cell | pass | precision | H | warps | registers | shared, B | spills | loop | barriers "
        "| predicted, µs/step | floor, µs/step |\n|" + "---|" * 12 + "\n"
    )
    lines = [
        "| {cell} | {direction} | {precision} | {hidden} | {warps} | {registers} | {shared_bytes} "
        "| {spill_instructions} | {loop_instructions} | {loop_barriers} "
        "| {predicted_us_per_step} | {floor_us_per_step} |".format(**row)
        for row in rows
    ]
    return head + "\n".join(lines) + "\n"
