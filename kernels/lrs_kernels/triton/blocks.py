"""Memory for what a pass writes, described before it is made: a description can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch

from lrs_kernels.triton.looks import packed_strides


class Block(NamedTuple):
    """A packed tensor to be."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, dtype: torch.dtype, *shape: int) -> Block:
        """One of a shape, its last axis innermost."""
        return cls(shape, packed_strides(shape), dtype)


def empty(blocks: Iterable[Block | None], device: torch.device) -> list[Any]:
    """A tensor for every block. Where strides are known already this takes a third less."""
    return [
        None if b is None else torch.empty_strided(b[0], b[1], dtype=b[2], device=device)
        for b in blocks
    ]
