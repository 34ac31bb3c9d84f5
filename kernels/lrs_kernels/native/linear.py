"""A dense layer whose every row is the same to the last bit, whatever rows stand beside it.

The products of PyTorch and NumPy choose their order of sums by the number of rows, and some by the
place of a row among them. Here it is fixed: `b + x_0 w_0 + x_1 w_1 + ...`, on one thread. So what a
policy decides for one episode does not depend on how many are played side by side.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_kernels.native.build import load_library
from lrs_kernels.ops.surroundings import transformed
from lrs_kernels.registry import find_cell

_SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_ARGUMENTS = [ctypes.c_int64] * 3 + [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2
_ARGUMENTS += [ctypes.c_void_p] * 2


def has_rowwise_linear(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this machine has it: compiled C, and single or double precision."""
    return dtype in _SUFFIXES and _functions() is not None


def rowwise_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` for rows `(..., I)`, without gradients, on the CPU.

    Args:
        x: `(..., I)`.
        weight: `(O, I)`, of any strides.
        bias: `(O,)`.

    Returns:
        `(..., O)`.

    Raises:
        RuntimeError: there is no compiled C; see `has_rowwise_linear`.
        ValueError: shapes, types or devices that do not fit.
    """
    if transformed():  # where tensors hide where they are
        return cast(Tensor, _Mapped.apply(x, weight, bias))  # type: ignore[no-untyped-call]
    parts = [x, weight] if bias is None else [x, weight, bias]
    if any(part.dtype != x.dtype or part.device.type != "cpu" for part in parts):
        raise ValueError("x, weight and bias must be of one type, and on the CPU")
    if weight.dim() != 2 or x.shape[-1:] != weight.shape[1:]:
        raise ValueError(f"x {tuple(x.shape)} does not fit weight {tuple(weight.shape)}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias {tuple(bias.shape)} does not fit weight {tuple(weight.shape)}")
    columns, inner = weight.shape
    x = x.contiguous()
    bias = None if bias is None else bias.contiguous()
    y = x.new_empty(*x.shape[:-1], columns)
    _call(
        _SUFFIXES.get(x.dtype, ""), (y.numel() // max(columns, 1), inner, columns), x.data_ptr(),
        (weight.data_ptr(), weight.stride(1), weight.stride(0)),
        None if bias is None else bias.data_ptr(), y.data_ptr(),
    )  # fmt: skip
    return y


class _Mapped(torch.autograd.Function):
    """The same under `torch.vmap`: one call of C for each that is mapped over."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`rowwise_linear`."""
        return rowwise_linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing to keep: there are no gradients."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, *parts: Tensor | None) -> tuple[Tensor, int]:
        """Map over whichever parts are mapped."""
        each = [
            [part] * info.batch_size if part is None or axis is None else part.unbind(axis)
            for part, axis in zip(parts, in_dims, strict=True)
        ]
        return torch.stack([rowwise_linear(*own) for own in zip(*each, strict=True)]), 0


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
    packed = (weight.ctypes.data, columns, 1)
    _call("f32", (len(x), inner, columns), x.ctypes.data, packed, bias.ctypes.data, y.ctypes.data)
    return y


def _call(
    suffix: str,
    sizes: tuple[int, int, int],
    x: int,
    weight: tuple[int, int, int],
    bias: int | None,
    y: int,
) -> None:
    """`weight`: its address, and the strides of inputs and outputs."""
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
