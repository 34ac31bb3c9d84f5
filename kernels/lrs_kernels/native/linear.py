"""A dense layer whose every row is the same to the last bit, whatever rows stand beside it.

The products of PyTorch and NumPy choose their order of sums by the number of rows, and some by the
place of a row among them. Here it is fixed: `b + x_0 w_0 + x_1 w_1 + ...`, on one thread. So what a
policy decides for one episode does not depend on how many are played side by side.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_kernels.native.build import load_library
from lrs_kernels.ops.maps import Call, only_maps, under_maps
from lrs_kernels.ops.surroundings import transformed
from lrs_kernels.registry import find_cell

_SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_ARGUMENTS = [ctypes.c_int64] * 4 + [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 3
_ARGUMENTS += [ctypes.c_void_p] * 2


def has_rowwise_linear(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this machine has it: compiled C, and single or double precision."""
    return dtype in _SUFFIXES and _functions() is not None


def rowwise_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` for rows `(..., I)`, without gradients, on the CPU.

    Args:
        x: `(..., I)`; of several members `(P, ..., I)`.
        weight: `(O, I)`, of any strides; of several members `(P, O, I)`.
        bias: `(O,)`; of several members `(P, O)`.

    Returns:
        `(..., O)`; of several members `(P, ..., O)`. Under `torch.vmap` too it is one call.

    Raises:
        RuntimeError: there is no compiled C; see `has_rowwise_linear`. Or another transform than
            `vmap` is at work.
        ValueError: shapes, types or devices that do not fit.
    """
    if not transformed():  # where tensors hide where they are
        return _linear(x, weight, bias)
    if not only_maps():
        raise RuntimeError("rowwise_linear knows no transform but torch.vmap: it has no gradients")
    return under_maps(lambda *own: (_linear(*own),), _side_by_side, (x, weight, bias))[0]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    parts = [x, weight] if bias is None else [x, weight, bias]
    if any(part.dtype != x.dtype or not part.is_cpu for part in parts):
        raise ValueError("x, weight and bias must be of one type, and on the CPU")
    lead = weight.shape[:-2]
    if weight.dim() < 2 or x.shape[-1:] != weight.shape[-1:] or x.shape[: len(lead)] != lead:
        raise ValueError(f"x {tuple(x.shape)} does not fit weight {tuple(weight.shape)}")
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ValueError(f"bias {tuple(bias.shape)} does not fit weight {tuple(weight.shape)}")
    columns, inner = weight.shape[-2:]
    members = lead.numel()
    x = x.contiguous()
    weight = weight.flatten(0, -3) if lead else weight[None]  # (P, O, I)
    bias = None if bias is None else bias.contiguous()
    y = x.new_empty(*x.shape[:-1], columns)
    rows = y.numel() // max(columns * members, 1)
    by_member, by_column, by_inner = weight.stride()
    _call(
        _SUFFIXES.get(x.dtype, ""), (members, rows, inner, columns), x.data_ptr(),
        (weight.data_ptr(), by_member, by_inner, by_column),
        None if bias is None else bias.data_ptr(), y.data_ptr(),
    )  # fmt: skip
    return y


def _side_by_side(
    call: Call, size: int, axes: Sequence[int | None], parts: Sequence[Tensor | None]
) -> Sequence[Tensor]:
    """The rule for `vmap`: members of a layer, or further rows of the one layer that there is."""
    x, weight, bias = parts
    assert x is not None and weight is not None
    if axes[1] is None and axes[2] is None:
        assert axes[0] is not None
        after = weight.dim() - 2  # the members that there are come first
        return [y.movedim(after, 0) for y in call(x.movedim(axes[0], after), weight, bias)]
    spread = [
        part if part is None
        else part.expand(size, *part.shape) if axis is None
        else part.movedim(axis, 0)
        for part, axis in zip(parts, axes, strict=True)
    ]  # fmt: skip
    return call(*spread)


def rowwise_affine(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same in NumPy: `x (N, I) @ weight (I, O) + bias (O,)`, all in single precision.

    Raises:
        RuntimeError: there is no compiled C; see `has_rowwise_linear`.
        ValueError: shapes or types that do not fit.
    """
    if weight.ndim != 2 or x.shape[1:] != weight.shape[:1] or bias.shape != weight.shape[1:]:
        raise ValueError(f"{x.shape}, {weight.shape} and {bias.shape} do not fit together")
    if any(part.dtype != np.float32 for part in (x, weight, bias)):
        raise ValueError("x, weight and bias must be in single precision")
    x, weight, bias = map(np.ascontiguousarray, (x, weight, bias))
    inner, columns = weight.shape
    y = np.empty((len(x), columns), np.float32)
    packed = (weight.ctypes.data, 0, columns, 1)
    _call(
        "f32", (1, len(x), inner, columns), x.ctypes.data, packed, bias.ctypes.data, y.ctypes.data
    )
    return y


def _call(
    suffix: str,
    sizes: tuple[int, int, int, int],
    x: int,
    weight: tuple[int, int, int, int],
    bias: int | None,
    y: int,
) -> None:
    """`sizes`: members, rows, inputs, outputs; `weight`: its address, strides of all but rows."""
    functions = _functions()
    if functions is None:
        raise RuntimeError("there is no compiled C on this machine; see explain()")
    if suffix not in functions:
        raise ValueError("numbers must be in single or double precision")
    if functions[suffix](*sizes, x, *weight, bias, y):
        raise MemoryError("no memory for a product of matrices")


@cache
def _functions() -> dict[str, Any] | None:
    """Those of any cell's library: all have the same."""
    library = load_library(find_cell("cfc")).functions
    if library is None:
        return None
    found = {suffix: getattr(library, f"lrs_linear_{suffix}") for suffix in _SUFFIXES.values()}
    for function in found.values():
        function.argtypes = _ARGUMENTS
    return found
