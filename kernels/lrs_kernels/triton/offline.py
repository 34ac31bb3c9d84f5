"""Compiles the kernels for sm_90 (H100, H200) on any machine and says what became of them.

No GPU is needed: Triton's wheel brings the assembler. So every entry of the configuration table can
be held to its promise (no spilled register, shared memory within the limit) wherever tests run, and
a change that makes a time loop longer shows before anybody has a GPU at hand.

Kernels must be compiled, so the process must not run with `TRITON_INTERPRET=1`.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from typing import Any, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.kernels.cfc import cfc_backward_kernel, cfc_forward_kernel
from lrs_kernels.triton.kernels.gru import gru_backward_kernel, gru_forward_kernel
from lrs_kernels.triton.kernels.lstm import lstm_backward_kernel, lstm_forward_kernel
from lrs_kernels.triton.kernels.rnn import rnn_backward_kernel, rnn_forward_kernel
from lrs_kernels.triton.operands import INTERPRETED, constants
from lrs_kernels.triton.sass import Resources, disassemble, time_loop
from lrs_kernels.triton.table import Direction

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

_IN_FLOAT32 = {"p_left", "p_right", "p_mask", "p_h0", "p_c0", "p_c_n", "p_dh0", "p_dc0", "p_dc_n"}
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
    function = KERNELS[kernel.cell, kernel.direction]
    fixed = constants(kernel.hidden, kernel.rank, kernel.precision, kernel.plan)
    options = {name: fixed.pop(name) for name in ("num_warps", "enable_fp_fusion")}
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
    if kernel.precision == "float64":
        return "*fp64"
    return "*fp32" if name in _IN_FLOAT32 else f"*{kernel.storage}"
