"""What is known of calls of a signature that C alone can run, found out once for all of them."""

from __future__ import annotations

import math
from ctypes import CDLL
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.low_precision import LOW
from lrs_kernels.native.axes import TIME_FIRST, Axes
from lrs_kernels.native.build import load_library
from lrs_kernels.native.call import functions_of
from lrs_kernels.native.layout import layout
from lrs_kernels.native.limits import Limits, limits
from lrs_kernels.native.prepared import READ, Expected, Prepared
from lrs_kernels.signature import Judgement, Signature, judge


class Direct(NamedTuple):
    """What is known of the calls of a signature."""

    prepared: Prepared
    judged: Judgement
    is_layer: bool
    zeros: tuple[Tensor, ...]
    """Initial states where none are given, which all such calls share."""
    axes: Axes
    """How those of sequences and of final states stand."""


def directly(signature: Signature, backend: str, axes: Axes = TIME_FIRST) -> Direct | None:
    """How such calls run on the CPU; None where not all of it is done in C.

    Args:
        signature: all that decides it; of a sequence `(P, B, T, ...)` where `axes` say so.
        backend: `auto`, or the name of one.
        axes: how those of the sequence and of final states stand.

    Raises:
        ValueError: for arguments that do not fit, as `judge` does.

    """
    if backend not in ("auto", "native"):
        return None
    cell = signature.cell
    code = load_library(cell).functions
    if code is None:
        return None
    try:
        return _directly(signature, backend, axes, code, limits(cell), torch.get_num_threads())
    except TypeError:  # sizes that are symbols have no hash; a refusal comes on the general way
        return None


@lru_cache(maxsize=1024)
def _directly(
    signature: Signature, backend: str, axes: Axes, code: CDLL, bounds: Limits, threads: int
) -> Direct | None:
    """The same; `layout` asks for `bounds` and `threads` again, here they are what it goes by."""
    judged = judge(_time_first(signature) if axes.batch_first else signature)
    kinds, recurrence = judged.kinds, judged.recurrence
    cell, dtype, mask, w_ih = recurrence.cell, kinds.x_proj.dtype, kinds.mask, kinds.w_ih
    chosen = dispatch.choose(backend, cell, recurrence.variant, judged.device_type).backend
    if chosen != "native" or not judged.ordinary or dtype in LOW:
        return None
    if mask is not None and (mask.dtype != dtype or mask.requires_grad):
        return None
    lead = tuple(kinds.x_proj.shape[:-1])
    shapes = [None if kind is None else kind.shape for kind in (kinds.dense, kinds.w1, w_ih)]
    lie = layout(recurrence, lead, *shapes)
    if not lie.sums or (w_ih is not None and not lie.projects):
        return None
    h0, c0 = (*(kinds.states or ()), None, None)[:2]
    there = (
        kinds.dense, kinds.w1, kinds.w2, mask, h0, c0,
        kinds.extras.get("timespans"), kinds.resets, kinds.extras.get("bias_n"), w_ih, kinds.b_ih,
    )  # fmt: skip
    named = {name: kind for name, kind in zip(READ, there, strict=True) if kind is not None}
    sizes = [math.prod(kind.shape) * kind.dtype.itemsize for kind in named.values()]
    read = tuple(map(Expected, named, sizes))
    zeros = () if kinds.states else (_zeros(judged.state_shape, dtype),) * len(cell.states)
    prepared = Prepared(cell, functions_of(code, dtype), lie, lead, read, zeros, axes)
    return Direct(prepared, judged, w_ih is not None, zeros, axes)


def _time_first(signature: Signature) -> Signature:
    """The same of a call whose sequence has its axes in that order."""
    sequence, *others = signature.tensors
    assert sequence is not None
    shape = sequence[0]
    swapped = (*shape[:-3], shape[-2], shape[-3], shape[-1])
    return signature._replace(tensors=((swapped, *sequence[1:]), *others))


def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A state that nobody writes to, a part of one for all of up to its size."""
    count = math.prod(shape)
    return _many_zeros(1 << count.bit_length(), dtype)[:count].view(shape)


@lru_cache
def _many_zeros(count: int, dtype: torch.dtype) -> Tensor:
    """Where C can read them, whatever device is the default, and whatever mode is on."""
    with torch.inference_mode(False):
        return torch.zeros(count, dtype=dtype, device="cpu")
