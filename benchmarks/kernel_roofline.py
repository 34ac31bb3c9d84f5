"""What a time step must cost on an H100 or H200, and what the compiled loop is likely to cost.

Both are models, for use before there are measurements. The floor counts arithmetic alone: tensor
cores, weights read from shared memory once per step, special functions, and a fixed latency. The
prediction counts the instructions that the compiler really put into the loop. Cycles become time at
1.9 GHz.
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
FIXED_CYCLES = 250.0
"""Latency of a step beside its products: conversions, gates, loads."""
MMA_LATENCY = 25.0
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
        products = passes * weights * max(rows, 16) / TENSOR_RATE[precision]
        chain = passes * MMA_LATENCY * inner / (16 if wide == 2 else 8)
    else:
        products, chain = weights * rows / FMA_RATE, 4.0 * inner
    shared = weights * wide * (2 if passes == 3 else 1) / SHARED_BYTES
    each = 1 if precision == "bf16" else 2  # tanh.approx, or exp2 and a reciprocal
    special = each * len(activations) * hidden * rows / SPECIAL_RATE
    if direction == "backward":
        special = 0.0
    return (max(products, shared, chain) + special + FIXED_CYCLES) / CLOCK * 1e6


def predicted_us(loop: Counter[str], warps: int, precision: str) -> float:
    """Time of the compiled loop, microseconds.

    The slowest of issuing, tensor cores and shared memory, then special functions and barriers,
    which nothing overlaps.

    Args:
        loop: instructions of the time loop.
        warps: of a program.
        precision: of the products.

    """
    issue = loop.total() * warps / 4
    per_mma = 2048 if precision == "bf16" else 1024
    mma = sum(n for name, n in loop.items() if name.startswith("HMMA"))
    tensor = mma * warps * per_mma / TENSOR_RATE.get(precision, TENSOR_RATE["tf32"])
    shared = sum(n * _shared_bytes(name) for name, n in loop.items()) * warps / SHARED_BYTES
    special = loop["MUFU"] * warps * 32 / SPECIAL_RATE
    barriers = sum(n for name, n in loop.items() if name.startswith("BAR"))
    cycles = max(issue, tensor, shared) + special + BARRIER_CYCLES * barriers
    return cycles / CLOCK * 1e6


def _shared_bytes(name: str) -> int:
    """Bytes a warp moves with one instruction."""
    if name.startswith(("LDSM", "STSM")):
        return 512 if name.endswith(".4") else 256 if name.endswith(".2") else 128
    if name.startswith(("LDS", "STS")):
        found = _BYTES.search(name)
        return 4 * int(found[1]) if found else 128
    return 0
