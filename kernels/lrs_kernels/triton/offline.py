"""Compiles the kernels for sm_90 (H100, H200) on any machine and says what became of them.

No GPU is needed: Triton's wheel brings the assembler. So every entry of the configuration table can
be held to its promise (no spilled register, shared memory within the limit) wherever tests run, and
a change that makes a time loop longer shows before anybody has a GPU at hand.

Kernels must be compiled, so the process must not run with `TRITON_INTERPRET=1`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lrs_kernels.triton.config import STEP_TILE, Plan
from lrs_kernels.triton.kernels import step_backward, step_forward
from lrs_kernels.triton.kernels.cfc import cfc_backward_kernel, cfc_forward_kernel
from lrs_kernels.triton.kernels.gru import gru_backward_kernel, gru_forward_kernel
from lrs_kernels.triton.kernels.lstm import lstm_backward_kernel, lstm_forward_kernel
from lrs_kernels.triton.kernels.rnn import rnn_backward_kernel, rnn_forward_kernel
from lrs_kernels.triton.operands import INTERPRETED, constants
from lrs_kernels.triton.sass import Resources, disassemble, time_loop
from lrs_kernels.triton.steps import step_constants
from lrs_kernels.triton.table import FACTORED, RESIDENT, Direction, Tile

TARGET = GPUTarget("cuda", 90, 32)

KERNELS: dict[tuple[str, Direction], Any] = {
    ("cfc", "forward"): cfc_forward_kernel,
    ("cfc", "backward"): cfc_backward_kernel,
    ("lstm", "forward"): lstm_forward_kernel,
    ("lstm", "backward"): lstm_backward_kernel,
    ("gru", "forward"): gru_forward_kernel,
    ("gru", "backward"): gru_backward_kernel,
    ("rnn", "forward"): rnn_forward_kernel,
    ("rnn", "backward"): rnn_backward_kernel,
}

STEP_KERNELS: dict[tuple[str, Direction], Any] = {
    ("cfc", "forward"): step_forward.cfc_step_forward,
    ("cfc", "backward"): step_backward.cfc_step_backward,
    ("lstm", "forward"): step_forward.lstm_step_forward,
    ("lstm", "backward"): step_backward.lstm_step_backward,
    ("gru", "forward"): step_forward.gru_step_forward,
    ("gru", "backward"): step_backward.gru_step_backward,
    ("rnn", "forward"): step_forward.rnn_step_forward,
    ("rnn", "backward"): step_backward.rnn_step_backward,
}

_IN_FLOAT32 = {
    "p_prev",
    "p_c_prev",
    "p_direct",
    "p_dc",
    "p_left",
    "p_right",
    "p_mask",
    "p_h0",
    "p_c0",
    "p_c_n",
    "p_dh0",
    "p_dc0",
    "p_dc_n",
}
"""Parameters and states, which stay in float32 when sequences are stored in bfloat16."""

PLAIN = frozenset({"p_dt", "p_time", "p_d_dt", "p_reset"})
"""Optional arguments that are absent in the plainest call."""


class Kernel(NamedTuple):
    """One kernel to compile.

    Attributes:
        cell: `cfc`, `lstm`, `gru` or `rnn`.
        direction: `forward` or `backward`.
        hidden: hidden size H.
        rank: rank of the factors, 0 for dense weights.
        precision: `ieee`, `tf32`, `tf32x3`, `bf16` or `float64`.
        plan: path and tile.
        storage: Triton's name of the dtype of sequences, `fp32` or `bf16`.
        absent: optional arguments that are None.

    """

    cell: str
    direction: Direction
    hidden: int
    rank: int
    precision: str
    plan: Plan
    storage: str = "fp32"
    absent: frozenset[str] = frozenset()


class Report(NamedTuple):
    """What the assembler made of a kernel.

    Attributes:
        resources: registers and spills.
        shared: shared memory of a block, bytes.
        loop: instructions of the time loop by name.

    """

    resources: Resources
    shared: int
    loop: Counter[str]


def compile_for_sm90(kernel: Kernel) -> Report:
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
            compiled = triton.compile(source, target=TARGET, options=options)
    except Exception as error:
        raise RuntimeError(f"{describe(kernel)}: {str(error)[:300]}") from error
    resources, text = disassemble(compiled.asm["cubin"])
    return Report(resources, compiled.metadata.shared, time_loop(text))


def table_kernels() -> list[Kernel]:
    """Every entry of the configuration table, with all options of its kernel at once."""
    found = []
    for (cell, direction, precision), sizes in RESIDENT.items():
        for size, tile in sizes.items():
            rank, absent = (32, frozenset[str]()) if tile.forms else (0, frozenset({"p_mask"}))
            plan = Plan("resident", 16, tile, "")
            found.append(Kernel(cell, direction, size, rank, precision, plan, absent=absent))
    for (cell, direction, precision), pairs in FACTORED.items():
        for (size, rank), tile in pairs.items():
            plan = Plan("factored", 16, tile, "")
            found.append(Kernel(cell, direction, size, rank, precision, plan))
    return found


def step_kernels() -> list[Kernel]:
    """The step kernels in every precision, at a size that takes them, with all options."""
    plan = Plan("step", STEP_TILE.block_b, Tile(STEP_TILE.num_warps, STEP_TILE.num_stages), "")
    return [
        Kernel(cell, direction, 512, 0, precision, plan)
        for cell, direction in STEP_KERNELS
        for precision in ("bf16", "tf32", "tf32x3", "ieee")
    ]


def plain_kernels() -> list[Kernel]:
    """The calls whose speed is looked at: eight rows, mask and rank 8, no other option."""
    return [
        Kernel(cell, direction, size, 8 if tile.forms else 0, precision,
               Plan("resident", 8, tile, ""), absent=PLAIN if tile.forms else PLAIN | {"p_mask"})
        for (cell, direction, precision), sizes in RESIDENT.items()
        if precision == "bf16" and cell != "rnn"
        for size, tile in sizes.items()
        if size in (64, 128)
    ]  # fmt: skip


def fingerprint() -> str:
    """A hash of everything that decides what is compiled: reports of other code are stale."""
    folder = Path(__file__).parent
    files = [*sorted((folder / "kernels").glob("*.py")), folder / "table.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def describe(kernel: Kernel) -> str:
    """One line that names a kernel."""
    plan = kernel.plan
    return (
        f"{kernel.cell} {kernel.direction} H={kernel.hidden} r={kernel.rank or 'dense'} "
        f"{kernel.precision} {plan.path} BB={plan.block_b} warps={plan.tile.num_warps} "
        f"stages={plan.tile.num_stages}"
    )


def _source(kernel: Kernel) -> tuple[ASTSource, dict[str, Any]]:
    """The kernel with the types a launch would give it."""
    if kernel.plan.path == "step":
        function = STEP_KERNELS[kernel.cell, kernel.direction]
        fixed = step_constants(kernel.hidden, kernel.precision)
    else:
        function = KERNELS[kernel.cell, kernel.direction]
        fixed = constants(kernel.hidden, kernel.rank, kernel.precision, kernel.plan)
    names = ("num_warps", "num_stages", "enable_fp_fusion")
    options = {name: fixed.pop(name) for name in names if name in fixed}
    if kernel.cell == "rnn":
        fixed["RELU"] = False
    absent = set(kernel.absent) | (set() if kernel.rank else {"p_right"})
    if kernel.plan.path == "factored":
        absent.add("p_mask")
    signature: dict[str, str] = {}
    constexprs: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for at, name in enumerate(function.arg_names):
        if name in fixed or name in absent:
            signature[name] = "constexpr"
            constexprs[at,] = fixed.get(name)
        else:
            signature[name] = _type(name, kernel)
            if name not in (
                "T",
                "B",
            ):  # pointers and strides are multiples of 16, sizes need not be
                attributes[at,] = [["tt.divisibility", 16]]
    source = ASTSource(fn=function, signature=signature, constexprs=constexprs, attrs=attributes)
    return source, options


def _type(name: str, kernel: Kernel) -> str:
    if not name.startswith("p_"):
        return "i32"
    if name == "p_reset":
        return "*u8"
    if name == "p_w" and kernel.precision == "bf16":
        return "*bf16"
    if kernel.precision == "float64":
        return "*fp64"
    return "*fp32" if name in _IN_FLOAT32 else f"*{kernel.storage}"
