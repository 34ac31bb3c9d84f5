"""How a program reads and writes its tiles.

A tile of the kernels for whole sequences is `(HP, BB)`: hidden units by batch rows, as the
accumulators of the products hold it. With K.DIRECT every thread reads and writes the elements that
it holds. `tl.load` and `tl.store` would first move each tile through shared memory into a layout
of their own: two barriers for every tile of every step. In the interpreter, which knows no inline
assembly, they do the same work.

Numbers in memory are 32 bits wide, or bfloat16, the upper half of a float32: two neighbouring units
are then one word, and half of a sector of memory moves.
"""

from __future__ import annotations

import triton
import triton.language as tl

_GET_32 = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $2, 0; mov.b32 $0, 0; @p ld.global.b32 $0, [$1]; }"
)
_GET_BF16 = tl.constexpr(
    "{ .reg .pred p; .reg .b16 v; .reg .b32 w; setp.ne.s32 p, $2, 0; mov.b16 v, 0;"
    " @p ld.global.b16 v, [$1]; cvt.u32.u16 w, v; shl.b32 $0, w, 16; }"
)
_PUT_32 = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $3, 0; @p st.global.b32 [$1], $2; mov.b32 $0, 0; }"
)
_PUT_BF16 = tl.constexpr(
    "{ .reg .pred p; .reg .b16 v; setp.ne.s32 p, $3, 0; cvt.rn.bf16.f32 v, $2;"
    " @p st.global.b16 [$1], v; mov.b32 $0, 0; }"
)

_GET_PAIR = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $3, 0; mov.b32 $0, 0; mov.b32 $1, 0;"
    " @p ld.global.v2.b32 {$0, $1}, [$2]; }"
)
_PUT_PAIR = tl.constexpr(
    "{ .reg .pred p; setp.ne.s32 p, $4, 0; @p st.global.v2.b32 [$1], {$2, $3}; mov.b32 $0, 0; }"
)
_GET_WORD = tl.constexpr(
    "{ .reg .pred p; .reg .b32 w; setp.ne.s32 p, $3, 0; mov.b32 w, 0;"
    " @p ld.global.b32 w, [$2]; shl.b32 $0, w, 16; and.b32 $1, w, 0xffff0000; }"
)
_PUT_WORD = tl.constexpr(
    "{ .reg .pred p; .reg .b32 w; setp.ne.s32 p, $4, 0; cvt.rn.bf16x2.f32 w, $3, $2;"
    " @p st.global.b32 [$1], w; mov.b32 $0, 0; }"
)


@triton.jit
def units(K: tl.constexpr):
    """The hidden unit `(HP,)` that each row of a tile stands for.

    A thread holds rows r and r + 8 of sixteen. With K.PAIRED they are neighbours in memory, so that
    it reads and writes both at once.
    """
    row = tl.arange(0, K.HP)
    if K.PAIRED:
        r = row % 16
        return row - r + 2 * (r % 8) + r // 8
    else:
        return row


@triton.jit
def in_order(matrix, K: tl.constexpr):
    """A matrix `(HP, HP)` of units by units, both in the order of the rows of a tile."""
    if K.PAIRED:
        BLOCKS: tl.constexpr = K.HP // 16
        rows = tl.reshape(matrix, (BLOCKS, 8, 2, K.HP)).permute(0, 2, 1, 3)
        columns = tl.reshape(rows, (K.HP, BLOCKS, 8, 2)).permute(0, 1, 3, 2)
        return tl.reshape(columns, (K.HP, K.HP))
    else:
        return matrix


@triton.jit
def _pairs(tile, K: tl.constexpr):
    """Rows r and r + 8 of every sixteen, each `(HP / 16, 8, BB)`."""
    return tl.split(tl.reshape(tile, (K.HP // 16, 2, 8, K.BB)).permute(0, 2, 3, 1))


@triton.jit
def _get_bits(p, real, ASM: tl.constexpr):
    # Pure: nothing that a launch writes is read by it, so that reads may move freely.
    return tl.inline_asm_elementwise(
        ASM, "=&r,l,r", [p.to(tl.int64), real.to(tl.int32)], tl.int32, is_pure=True, pack=1
    )


@triton.jit
def _get_pairs(p, real, ASM: tl.constexpr, K: tl.constexpr):
    at, _ = _pairs(p.to(tl.int64), K)
    there, _ = _pairs(real.to(tl.int32), K)
    low, high = tl.inline_asm_elementwise(
        ASM, "=&r,=&r,l,r", [at, there], (tl.int32, tl.int32), is_pure=True, pack=1
    )
    return tl.reshape(tl.join(low, high).permute(0, 3, 1, 2), (K.HP, K.BB))


@triton.jit
def get_flags(p, real, K: tl.constexpr):
    """Load 32-bit integers as they are, zero where there is padding."""
    if K.DIRECT:
        return _get_bits(p, real, _GET_32)
    else:
        return tl.load(p, mask=real, other=0)


@triton.jit
def get(p, real, K: tl.constexpr):
    """Load a tile as numbers of the type of sums, zero where it is padding."""
    BF16: tl.constexpr = p.dtype.element_ty == tl.bfloat16
    if not K.DIRECT:
        return tl.load(p, mask=real, other=0).to(K.ACC)
    elif K.PAIRED and p.shape[0] == K.HP and p.shape[1] == K.BB:
        return _get_pairs(p, real, _GET_WORD if BF16 else _GET_PAIR, K).to(K.ACC, bitcast=True)
    else:
        return _get_bits(p, real, _GET_BF16 if BF16 else _GET_32).to(K.ACC, bitcast=True)


@triton.jit
def _put_bits(p, bits, real, ASM: tl.constexpr):
    tl.inline_asm_elementwise(
        ASM, "=r,l,r,r", [p.to(tl.int64), bits, real.to(tl.int32)], tl.int32,
        is_pure=False, pack=1,
    )  # fmt: skip


@triton.jit
def _put_pairs(p, bits, real, ASM: tl.constexpr, K: tl.constexpr):
    at, _ = _pairs(p.to(tl.int64), K)
    there, _ = _pairs(real.to(tl.int32), K)
    low, high = _pairs(bits, K)
    tl.inline_asm_elementwise(
        ASM, "=r,l,r,r,r", [at, low, high, there], tl.int32, is_pure=False, pack=1
    )


@triton.jit
def put(p, value, real, K: tl.constexpr):
    """Store a tile in the type of its memory."""
    BF16: tl.constexpr = p.dtype.element_ty == tl.bfloat16
    if not K.DIRECT:
        tl.store(p, value.to(p.dtype.element_ty), mask=real)
    elif K.PAIRED and p.shape[0] == K.HP and p.shape[1] == K.BB:
        bits = value.to(tl.int32, bitcast=True)
        _put_pairs(p, bits, real, _PUT_WORD if BF16 else _PUT_PAIR, K)
    else:
        bits = value.to(tl.int32, bitcast=True)
        _put_bits(p, bits, real, _PUT_BF16 if BF16 else _PUT_32)


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
