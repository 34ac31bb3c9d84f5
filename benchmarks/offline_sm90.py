"""`python -m benchmarks kernels --offline`: every kernel of the table, compiled without a GPU.

Writes `results/offline_sm90.csv` and the table of `results/offline_sm90.md`: registers, shared
memory, spills, instructions of the time loop, and the time per step that these predict beside the
floor. Predictions are models (`benchmarks.kernel_roofline`), not measurements.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from benchmarks._provenance import RESULTS, write_csv
from benchmarks.kernel_offline import (
    Kernel,
    Report,
    compile_offline,
    describe,
    fingerprint,
    kernels_elsewhere,
    odd_kernels,
    plain_kernels,
    stored_low,
    table_kernels,
)
from benchmarks.kernel_roofline import floor_us, global_sectors, predicted_us
from lrs_kernels.triton.config import SMALLEST_ENTRY, padded
from lrs_kernels.triton.device import H100
from lrs_lightning.files import write_whole

CSV = RESULTS / "offline_sm90.csv"
TABLE = RESULTS / "offline_sm90.md"


def main(arguments: list[str]) -> None:
    """Compile everything and write both files; there is nothing to choose."""
    if arguments:
        raise SystemExit(f"offline compilation takes no arguments, got {' '.join(arguments)}")
    groups = {
        "all": table_kernels(), "mask and rank 8": plain_kernels(), "all, odd size": odd_kernels(),
    }  # fmt: skip
    wanted = [
        (options, kernel)
        for options, kernels in groups.items()
        for kernel in (*stored_low(kernels), *kernels)
    ]
    wanted += [("all", kernel) for kernel in kernels_elsewhere()]
    # Compilations are independent and take seconds each; processes of their own, since the
    # compiler holds the interpreter's lock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        reports = pool.map(compile_offline, [kernel for _, kernel in wanted])
        rows = []
        for (options, kernel), report in zip(wanted, reports, strict=True):
            rows.append(row_of(kernel, options, report))
            spills = report.loop["LDL"] + report.loop["STL"]
            registers = f"{report.resources.registers} registers"
            print(describe(kernel), f"{registers}, {spills} spills in the loop", flush=True)
    write_csv(CSV, rows)
    write_whole(TABLE, markdown([row for row in rows if row["options"] == "mask and rank 8"]))
    worst = max(int(str(row["shared_bytes"])) for row in rows)
    spilled = sum(int(str(row["spills_in_loop"])) for row in rows)
    print(
        f"{len(rows)} kernels, {spilled} spills in loops, "
        f"at most {worst} of {H100.shared} B shared memory"
    )


def row_of(kernel: Kernel, options: str, report: Report) -> dict[str, object]:
    """One line of the CSV."""
    plan, loop = kernel.plan, report.loop
    rank = padded(kernel.rank) if plan.path == "factored" else 0
    floor = floor_us(
        kernel.cell, kernel.direction, kernel.precision, kernel.hidden, rank, plan.block_b
    )
    predicted = predicted_us(
        loop, plan.tile.num_warps, kernel.precision, max(padded(kernel.hidden), SMALLEST_ENTRY)
    )
    return {
        "capability": kernel.capability,
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
        "storage": kernel.storage,
        "options": options,
        "registers": report.resources.registers,
        "shared_bytes": report.shared,
        "stack_bytes": report.resources.stack,
        "spill_instructions": report.resources.spills,
        "spills_in_loop": loop["LDL"] + loop["STL"],
        "loop_instructions": loop.total(),
        "loop_mma": sum(n for name, n in loop.items() if name.startswith(("HMMA", "HGMMA"))),
        "loop_barriers": sum(n for name, n in loop.items() if name.startswith("BAR")),
        "loop_global_sectors": int(global_sectors(loop, plan.tile.num_warps)),
        "load_distance": f"{report.load_distance:.2f}",
        "predicted_us_per_step": f"{predicted:.3f}",
        "floor_us_per_step": f"{floor:.3f}",
        "kernels": fingerprint(),
    }


def markdown(rows: list[dict[str, object]]) -> str:
    """The table for readers."""
    head = (
        "| cell | pass | in memory | H | warps | registers | shared, B | spills | loop | barriers "
        "| predicted, µs/step | floor, µs/step |\n|" + "---|" * 12 + "\n"
    )
    lines = [
        "| {cell} | {direction} | {storage} | {hidden} | {warps} | {registers} | {shared_bytes} "
        "| {spills_in_loop} | {loop_instructions} | {loop_barriers} "
        "| {predicted_us_per_step} | {floor_us_per_step} |".format(**row)
        for row in rows
    ]
    return head + "\n".join(lines) + "\n"
