"""What a launch sees of tensors beside their contents: plain values, which hold no tensor.

Which kernel runs, what is compiled, the grid, the numbers among its arguments and the sizes of what
it writes follow from shapes, strides, types and alignment, and from nothing else about a tensor. So
calls whose tensors look alike are prepared once (`prepared.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from math import prod
from operator import mul
from typing import NamedTuple

import torch
from torch import Tensor

Look = tuple[tuple[int, ...], tuple[int, ...] | None, torch.dtype, int]
"""The fields of `Layout`, which is made of them when there is something to prepare."""


def look_at(tensors: Iterable[Tensor | None]) -> tuple[Look | None, ...]:
    """What preparing a launch needs to know of tensors, in one pass: this runs in every call."""
    return tuple([
        None
        if t is None
        else (t.shape, None if t.is_contiguous() else t.stride(), t.dtype, t.data_ptr() % 16)
        for t in tensors
    ])  # fmt: skip


class Layout(NamedTuple):
    """How a tensor lies in memory."""

    shape: tuple[int, ...]
    gaps: tuple[int, ...] | None
    """Strides, in elements, of what is not contiguous."""
    dtype: torch.dtype
    offset: int
    """Bytes from the last address that 16 divides to the first element."""

    @property
    def contiguous(self) -> bool:
        """Whether elements lie one after the other."""
        return self.gaps is None

    @property
    def stride(self) -> tuple[int, ...]:
        """Of every axis, in elements."""
        return packed_strides(self.shape) if self.gaps is None else self.gaps

    @property
    def inner_contiguous(self) -> bool:
        """Whether its last axis is; the others may have any stride."""
        return self.gaps is None or self.gaps[-1] == 1

    @property
    def members_contiguous(self) -> bool:
        """Whether weights `(P, G, ...)` are packed within a member; members may share memory."""
        return self.gaps is None or (
            len(self.shape) == 4 and self.gaps[1:] == packed_strides(self.shape[1:])
        )

    @property
    def member_stride(self) -> int:
        """From member to member of weights; 0 where they share memory, or there is one."""
        if len(self.shape) == 3:
            return 0
        return prod(self.shape[1:]) if self.gaps is None else self.gaps[0]

    @property
    def sequence_strides(self) -> tuple[int, ...]:
        """Of P, T and B of a sequence `(P, T, B, ...)`, which may be without P."""
        return (0, *self.stride)[-4:-1]

    @property
    def in_pairs(self) -> bool:
        """Whether it may be read two numbers at a time, from units 0, 2, 4 ... on.

        Its last axis is of even length.
        """
        return self.offset % (2 * self.dtype.itemsize) == 0 and (
            self.gaps is None or not any(step % 2 for step in self.gaps[:-1])
        )


def packed_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor without gaps, its last axis innermost."""
    inner = [max(size, 1) for size in shape[:0:-1]]
    return tuple(accumulate(inner, mul, initial=1))[::-1]
