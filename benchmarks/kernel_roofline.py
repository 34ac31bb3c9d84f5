"""What a time step must cost on an H100 or H200, and what the compiled loop is likely to cost.

Both are models. The floor counts arithmetic alone: tensor cores, weights read from shared memory
once per step where they lie there, special functions, and a fixed latency. The prediction counts
the instructions that the compiler really put into the loop, and adds the latency of the chain that
leads from one step to the next. Cycles become time at 1.9 GHz.
"""

from __future__ import annotations

import re
from collections import Counter

from lrs_kernels.triton.cells import kernel_cells

CLOCK = 1.9e9
TENSOR_RATE = {"bf16": 1270.0, "tf32": 635.0, "tf32x3": 635.0}
"""Multiply-adds per cycle of one multiprocessor that small `mma` instructions reach."""
FMA_RATE = 128.0
SHARED_BYTES = 128.0
"""Bytes per cycle of shared memory."""
SPECIAL_RATE = 16.0
"""exp2, reciprocal or tanh.approx per cycle."""
BARRIER_CYCLES = 30.0
SECTOR_CYCLES = 1.4
"""Thirty-two bytes of global memory, read or written: fitted to what 32 kernels took on an H200,
of which half reached four bytes at a time and half eight; the prediction is within a quarter."""
FIXED_CYCLES = 250.0
"""Latency of a step beside its products: conversions, gates, loads."""
MMA_LATENCY = 33.0
"""Cycles until the next of two dependent `mma` may start."""

_BYTES = re.compile(r"\.(64|128)$")


def floor_us(cell: str, direction: str, precision: str, hidden: int, rank: int, rows: int) -> float:
    """The sequential floor of a time step, microseconds.

    Args:
        cell: `cfc`, `cfc4` (with four matrices), `lstm`, `gru` or `rnn`.
        direction: `forward` or `backward`; the latter needs no special functions.
        precision: of the products.
        hidden: padded hidden size.
        rank: padded rank where the factors are multiplied, else 0.
        rows: batch rows of a program.

    """
    per_gate = 2 * hidden * rank if rank else hidden * hidden
    descriptor, kernels = kernel_cells()[cell]
    activations = next(iter(descriptor.variants.values())).activations
    weights = kernels.gates * per_gate
    inner = hidden + rank if rank else hidden
    wide = 2 if precision == "bf16" else 4
    passes = 3 if precision == "tf32x3" else 1
    if precision in TENSOR_RATE:
        products = passes * weights * rows / TENSOR_RATE[precision]
        chain = _chain(precision, inner)
    else:
        products, chain = weights * rows / FMA_RATE, 4.0 * inner
    # Those of 16 bits stay in registers.
    shared = 0.0 if wide == 2 else weights * wide * (2 if passes == 3 else 1) / SHARED_BYTES
    each = 1 if precision == "bf16" else 2  # tanh.approx, or exp2 and a reciprocal
    special = each * len(activations) * hidden * rows / SPECIAL_RATE
    if direction == "backward":
        special = 0.0
    return (max(products, shared, chain) + special + FIXED_CYCLES) / CLOCK * 1e6


def predicted_us(loop: Counter[str], warps: int, precision: str, inner: int) -> float:
    """Time of the compiled loop, microseconds.

    The slowest of issuing, tensor cores, shared memory, special functions and global memory, which
    overlap, and then what nothing overlaps: a state goes through shared memory, at two barriers,
    and through one product after the other along its units before the next step can begin.

    Args:
        loop: instructions of the time loop.
        warps: of a program.
        precision: of the products.
        inner: padded hidden size.

    """
    issue = loop.total() * warps / 4
    per_mma = 2048 if precision == "bf16" else 1024
    mma = sum(n for name, n in loop.items() if name.startswith("HMMA"))
    tensor = mma * warps * per_mma / TENSOR_RATE.get(precision, TENSOR_RATE["tf32"])
    shared = sum(n * _shared_bytes(name) for name, n in loop.items()) * warps / SHARED_BYTES
    special = loop["MUFU"] * warps * 32 / SPECIAL_RATE
    barriers = sum(n for name, n in loop.items() if name.startswith("BAR"))
    cycles = max(issue, tensor, shared, special, global_sectors(loop, warps) * SECTOR_CYCLES)
    return (cycles + BARRIER_CYCLES * barriers + _chain(precision, inner)) / CLOCK * 1e6


def _chain(precision: str, inner: int) -> float:
    """Cycles of the products that wait for each other; scalar ones are in the issue."""
    if precision not in TENSOR_RATE:
        return 0.0
    passes = 3 if precision == "tf32x3" else 1
    return passes * MMA_LATENCY * inner / (16 if precision == "bf16" else 8)


def _shared_bytes(name: str) -> int:
    """Bytes a warp moves with one instruction."""
    if name.startswith(("LDSM", "STSM")):
        return 512 if name.endswith(".4") else 256 if name.endswith(".2") else 128
    if name.startswith(("LDS", "STS")):
        found = _BYTES.search(name)
        return 4 * int(found[1]) if found else 128
    return 0


def global_sectors(loop: Counter[str], warps: int) -> float:
    """Sectors of 32 bytes of global memory that a step of a program reads and writes."""
    bits = sum(int(name[4:]) * n for name, n in loop.items() if name.startswith(("LDG.", "STG.")))
    return bits * 32 * warps / (32 * 8)
