"""tanh and sigmoid for the time loops, written from `exp2` so that every back end can run them.

`libdevice.tanh` does not run in the interpreter, and the formula with two exponentials is NaN below
about -44. The forms here saturate and are never NaN: their absolute error is at most 1e-7 in
float32. FAST takes the hardware's `tanh.approx` (relative error about 2^-11), one instruction in
place of two: worth it where the operands of the products are bfloat16 anyway.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _tanh_approx(x):
    return tl.inline_asm_elementwise(
        "tanh.approx.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
    )


@triton.jit
def tanh(x, FAST: tl.constexpr):
    """Hyperbolic tangent of a block."""
    if FAST:
        return _tanh_approx(x)
    else:
        return 2.0 / (1.0 + tl.exp2(-2.8853900817779268 * x)) - 1.0


@triton.jit
def sigmoid(x, FAST: tl.constexpr):
    """Logistic function of a block."""
    if FAST:
        return 0.5 * _tanh_approx(0.5 * x) + 0.5
    else:
        return 1.0 / (1.0 + tl.exp2(-1.4426950408889634 * x))
