"""Compiles the kernels on any machine, for sm_90 (H100, H200) and others, and says what came of it.

No GPU is needed: Triton's wheel brings the assembler. So every entry of the configuration table can
be held to its promise (no spilled register, shared memory within the limit) wherever tests run, and
a change that makes a time loop longer shows without a GPU.

Kernels must be compiled, so the process must not run with `TRITON_INTERPRET=1`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from benchmarks.kernel_sass import Resources, disassemble, load_distance, time_loop
from lrs_kernels.cell import Cell
from lrs_kernels.triton import config
from lrs_kernels.triton.cells import kernel_cells
from lrs_kernels.triton.choice import INTERPRETED, constants
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.kernels.cell import KernelCell
from lrs_kernels.triton.kernels.scan import scan_backward_kernel, scan_forward_kernel
from lrs_kernels.triton.kernels.step import step_backward_kernel, step_forward_kernel
from lrs_kernels.triton.table import Direction, Tile

OTHERS = (80, 86, 89, 100, 120)
"""Compute capabilities of which a sample is compiled: A100, RTX 30 and 40, B200, RTX 50."""

_POSITIONS = ("T", "B", "t", "prev_at")
_UNSPECIALISED = ("x_p", "x_t", "x_b", "dy_p", "dy_t", "dy_b")
"""Arguments that kernels know nothing of; of others they know whether 16 divides them."""

PLAIN = frozenset({"p_dt", "p_time", "p_d_dt", "p_reset"})
"""Optional arguments that are absent in the plainest call."""


def _foreign(cell: Cell, kernels: KernelCell) -> set[str]:
    """Optional arguments that belong to other cells."""
    foreign = set[str]()
    if not any("timespans" in variant.extras for variant in cell.variants.values()):
        foreign |= {"p_dt", "p_time", "p_d_dt"}
    if not cell.has_c:
        foreign |= {"p_c0", "p_c_n", "p_cells", "p_dc_n", "p_dc0", "p_c_prev", "p_dc"}
    if not cell.joins_late:
        foreign |= {"p_bias", "p_dz_h"}
    if not cell.saved:
        foreign.add("p_gates")
    if kernels.functions.history is None:
        foreign.add("p_states")
    return foreign


class Kernel(NamedTuple):
    """One kernel to compile.

    Attributes:
        cell: `cfc`, `cfc4`, `lstm`, `gru` or `rnn`.
        direction: `forward` or `backward`.
        hidden: hidden size H.
        rank: rank of the factors, 0 for dense weights.
        precision: `ieee`, `tf32`, `tf32x3`, `bf16` or `float64`.
        plan: path and tile.
        storage: Triton's name of the type of all tensors, `fp32` or `bf16`.
        absent: optional arguments that are None.
        paired: whether two units may be read at once, as at even sizes.
        aligned: whether strides are multiples of 16.
        capability: compute capability, times ten.

    """

    cell: str
    direction: Direction
    hidden: int
    rank: int
    precision: str
    plan: Plan
    storage: str = "fp32"
    absent: frozenset[str] = frozenset()
    paired: bool = True
    aligned: bool = True
    capability: int = 90


class Report(NamedTuple):
    """What the assembler made of a kernel.

    Attributes:
        resources: registers and spills.
        shared: shared memory of a block, bytes.
        loop: instructions of the time loop by name.
        load_distance: share of the loop between a load and its first use (`kernel_sass`).

    """

    resources: Resources
    shared: int
    loop: Counter[str]
    load_distance: float


def compile_offline(kernel: Kernel) -> Report:
    """Compile one kernel and read the result.

    Raises:
        RuntimeError: if kernels are interpreted in this process, or do not compile.

    """
    if INTERPRETED:
        raise RuntimeError("kernels are interpreted here: start Python with TRITON_INTERPRET=0")
    source, options = _source(kernel)
    printed = io.StringIO()
    try:
        # On failure Triton prints the whole program; the message of the error is enough.
        with contextlib.redirect_stdout(printed):
            compiled = triton.compile(
                source, target=GPUTarget("cuda", kernel.capability, 32), options=options
            )
    except Exception as error:
        raise RuntimeError(f"{describe(kernel)}: {str(error)[:300]}") from error
    resources, text = disassemble(compiled.asm["cubin"])
    return Report(resources, compiled.metadata.shared, time_loop(text), load_distance(text))


def table_kernels() -> list[Kernel]:
    """Every entry of the tables, with all options of its kernel at once."""
    found = []
    for name, direction, precision, size, tile in _resident():
        rank, absent = (32, frozenset[str]()) if tile.held else (0, frozenset({"p_mask"}))
        plan = Plan("resident", tile.rows, tile, "")
        found.append(Kernel(name, direction, size, rank, precision, plan, absent=absent))
    for name, (_, cell) in kernel_cells().items():
        for (gates, direction, precision), pairs in cell.tables.factored.items():
            for (size, rank), tile in pairs.items() if gates == cell.gates else ():
                plan = Plan("factored", tile.rows, tile, "")
                found.append(Kernel(name, direction, size, rank, precision, plan))
    return found


def _resident() -> Iterator[tuple[str, Direction, str, int, Tile]]:
    """Cell, direction, precision, size and tile of the entries with matrices on chip."""
    for name, (_, cell) in kernel_cells().items():
        for (gates, direction, precision), sizes in cell.tables.resident.items():
            for size, tile in sizes.items() if gates == cell.gates else ():
                yield name, direction, precision, size, tile


def plain_kernels() -> list[Kernel]:
    """The calls whose speed is looked at: eight rows, mask and rank 8, no other option."""
    return [
        Kernel(name, direction, size, 8 if tile.held else 0, precision,
               Plan("resident", 8, tile, ""), absent=PLAIN if tile.held else PLAIN | {"p_mask"})
        for name, direction, precision, size, tile in _resident()
        if precision == "bf16" and name != "rnn" and size in (64, 128)
    ]  # fmt: skip


def odd_kernels() -> list[Kernel]:
    """Calls of sizes that are no multiple of anything: no pairs, no aligned strides."""
    return [
        kernel._replace(hidden=kernel.hidden * 3 // 4 + 1, paired=False, aligned=False)
        for kernel in table_kernels()
        if kernel.precision == "bf16" and kernel.hidden in (64, 128)
    ]


def stored_low(kernels: list[Kernel]) -> list[Kernel]:
    """Those with `bf16` products, of tensors that are bfloat16 in memory too."""
    return [kernel._replace(storage="bf16") for kernel in kernels if kernel.precision == "bf16"]


def kernels_elsewhere() -> list[Kernel]:
    """A sample of the table for every other kind of GPU."""
    return [
        kernel._replace(capability=capability)
        for capability in OTHERS
        for kernel in table_kernels()
        if kernel.cell in ("cfc", "lstm") and (kernel.precision, kernel.hidden) == ("bf16", 64)
    ]


def fingerprint() -> str:
    """A hash of everything that decides what is compiled: reports of other code are stale."""
    folder = Path(config.__file__).parent
    files = [*sorted((folder / "kernels").glob("*.py")), folder / "table.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def describe(kernel: Kernel) -> str:
    """One line that names a kernel."""
    plan = kernel.plan
    return (
        f"{kernel.cell} {kernel.direction} H={kernel.hidden} r={kernel.rank or 'dense'} "
        f"{kernel.precision} {plan.path} BB={plan.block_b} warps={plan.tile.num_warps} "
        f"held={plan.tile.held} ahead={plan.tile.ahead} stored={kernel.storage}"
    )


def _source(kernel: Kernel) -> tuple[ASTSource, dict[str, Any]]:
    """The kernel with the types a launch would give it."""
    (cell, kernels), forward = kernel_cells()[kernel.cell], kernel.direction == "forward"
    if kernel.plan.path == "step":
        function = step_forward_kernel if forward else step_backward_kernel
    else:
        function = scan_forward_kernel if forward else scan_backward_kernel
    fixed, options = constants(
        kernels, kernel.hidden, kernel.rank, kernel.precision, kernel.plan, kernel.paired,
        kernel.storage == "bf16",
    )  # fmt: skip
    absent = set(kernel.absent) | _foreign(cell, kernels) | (set() if kernel.rank else {"p_right"})
    if not kernels.functions.wants_before:
        absent |= {"p_initial"} if forward else {"p_initial", "p_prev"}
    if kernel.plan.path == "factored":
        absent.add("p_mask")
    signature: dict[str, str] = {}
    constexprs: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for at, name in enumerate(function.arg_names):
        if name == "K" or name in absent:
            signature[name] = "constexpr"
            constexprs[at,] = fixed if name == "K" else None
        else:
            signature[name] = _type(name, kernel)
            in_steps = kernel.plan.path == "step"
            unknown = _POSITIONS if in_steps else (*_POSITIONS, *_UNSPECIALISED)
            if name.startswith("p_") or (kernel.aligned and name not in unknown):
                attributes[at,] = [["tt.divisibility", 16]]
    source = ASTSource(fn=function, signature=signature, constexprs=constexprs, attrs=attributes)
    return source, options


def _type(name: str, kernel: Kernel) -> str:
    if not name.startswith("p_"):
        return "i32"
    if name == "p_reset":
        return "*i32"
    if name == "p_w" and kernel.precision == "bf16":
        return "*bf16"
    if kernel.precision == "float64":
        return "*fp64"
    return f"*{kernel.storage}"
