"""How a program reads and writes its tiles.

A tile of the kernels for whole sequences is `(HP, BB)`: hidden units by batch rows, as the
accumulators of the products hold it. With K.DIRECT every thread reads and writes the elements that
it holds. `tl.load` and `tl.store` would first move each tile through shared memory into a layout
of their own: two barriers for every tile of every step. In the interpreter, which knows no inline
assembly, they do the same work.
"""

from __future__ import annotations

import triton
import triton.language as tl

_GET_32 = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $2, 0; mov.b32 $0, 0; @p ld.global.b32 $0, [$1]; }"
)
_GET_16 = tl.constexpr(
    "{ .reg .pred p; .reg .b16 v; setp.ne.s32 p, $2, 0; mov.b16 v, 0;"
    " @p ld.global.b16 v, [$1]; cvt.u32.u16 $0, v; }"
)
_PUT_32 = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $3, 0; @p st.global.b32 [$1], $2; mov.b32 $0, 0; }"
)
_PUT_16 = tl.constexpr(
    "{ .reg .pred p; .reg .b16 v; setp.ne.s32 p, $3, 0; cvt.u16.u32 v, $2;"
    " @p st.global.b16 [$1], v; mov.b32 $0, 0; }"
)


@triton.jit
def get_raw(p, real, K: tl.constexpr):
    """Load a tile as it is stored, zero where it is padding."""
    if K.DIRECT:
        TYPE: tl.constexpr = p.dtype.element_ty
        ASM: tl.constexpr = _GET_16 if TYPE.primitive_bitwidth == 16 else _GET_32
        # Pure: nothing that a launch writes is read by it, so that reads may move freely.
        bits = tl.inline_asm_elementwise(
            ASM, "=&r,l,r", [p.to(tl.int64), real.to(tl.int32)], tl.int32, is_pure=True, pack=1
        )
        if TYPE.primitive_bitwidth == 16:
            return bits.to(tl.int16).to(TYPE, bitcast=True)
        else:
            return bits.to(TYPE, bitcast=True)
    else:
        return tl.load(p, mask=real, other=0)


@triton.jit
def get(p, real, K: tl.constexpr):
    """Load a tile as numbers of the type of sums, zero where it is padding."""
    return get_raw(p, real, K).to(K.ACC)


@triton.jit
def put(p, value, real, K: tl.constexpr):
    """Store a tile in the type of its memory."""
    TYPE: tl.constexpr = p.dtype.element_ty
    if K.DIRECT:
        if TYPE.primitive_bitwidth == 16:
            bits = value.to(TYPE).to(tl.int16, bitcast=True).to(tl.int32)
        else:
            bits = value.to(TYPE).to(tl.int32, bitcast=True)
        ASM: tl.constexpr = _PUT_16 if TYPE.primitive_bitwidth == 16 else _PUT_32
        tl.inline_asm_elementwise(
            ASM, "=r,l,r,r", [p.to(tl.int64), bits, real.to(tl.int32)], tl.int32,
            is_pure=False, pack=1,
        )  # fmt: skip
    else:
        tl.store(p, value.to(TYPE), mask=real)


@triton.jit
def get_all(p, COUNT: tl.constexpr, real, K: tl.constexpr):
    """A tuple of COUNT tiles whose units lie H apart."""
    tiles = ()
    for i in tl.static_range(COUNT):
        tiles += (get(p + i * K.H, real, K),)
    return tiles


@triton.jit
def put_all(p, tiles, COUNT: tl.constexpr, real, K: tl.constexpr):
    """Store a tuple of COUNT tiles, their units H apart."""
    for i in tl.static_range(COUNT):
        put(p + i * K.H, tiles[i], real, K)


@triton.jit
def stretch(z, span, K: tl.constexpr):
    """The pre-activations of a CfC, the third times the time span of its row."""
    if K.cell.gates == 4:
        return z[0], z[1], z[2] * span, z[3]
    else:
        return z[0], z[1], z[2] * span
