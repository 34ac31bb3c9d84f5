"""What decides how a scan runs, as plain values: calls of one signature are judged once.

Asking a few tensors for their shapes takes as long as a small scan, so nothing is asked twice. A
judgement follows from the signature alone, so it cannot grow old; a refusal is not remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.checks import (
    Kind,
    Kinds,
    check_input,
    check_rows,
    check_weights,
    gates,
    weight_kind,
)
from lrs_kernels.passes import Recurrence

_PLAIN = (Tensor, torch.nn.Parameter, torch.nn.Buffer)

Look = tuple[tuple[int, ...], torch.dtype, torch.device, bool, type[Tensor]]
"""The fields of `Kind`, which is made of them when there is something to judge."""


class Signature(NamedTuple):
    """All that decides how a call runs, but for what is switched on around it."""

    cell: Cell
    variant: str | None
    precision: str
    states: int | None
    """How many were given."""
    extras: tuple[str, ...]
    """Names of those that were given."""
    tensors: tuple[Look | None, ...]
    """x_proj or x, w_ih, b_ih, the four recurrent weights, resets, states, extra inputs."""


@dataclass(frozen=True, eq=False, slots=True)
class Judgement:
    """What is known of every call of a signature; equal to itself alone, so that it is a quick key.

    Attributes:
        recurrence: what runs.
        device_type: where.
        state_shape: `(P, B, H)`.
        ordinary: whether all tensors have memory, and a class of PyTorch's own.
        needs_grad: whether a tensor requires a gradient.
        times_need_grad: whether the time spans do.
        kinds: what was judged.

    """

    recurrence: Recurrence
    device_type: str
    state_shape: tuple[int, ...]
    ordinary: bool
    needs_grad: bool
    times_need_grad: bool
    kinds: Kinds


def look_at(tensors: Iterable[Tensor | None]) -> tuple[Look | None, ...]:
    """What a judgement needs to know of tensors, in one pass: this runs in every call."""
    return tuple([
        None if t is None else (t.shape, t.dtype, t.device, t.requires_grad, type(t))
        for t in tensors
    ])  # fmt: skip


def judge(signature: Signature) -> Judgement:
    """Check the arguments of a scan and say how it runs.

    Raises:
        ValueError: for a shape, variant, number of states or extra input that does not fit.
        TypeError: for a dtype or device that does not fit.

    """
    if not torch.compiler.is_compiling():  # where nothing outlives the graph that is being made
        try:
            return _remembered(signature)
        except TypeError:  # sizes that are symbols have no hash; a refusal comes again, below
            pass
    return _judge(signature)


def _judge(signature: Signature) -> Judgement:
    cell, variant, precision, count, names, tensors = signature
    looks = [None if look is None else Kind(*look) for look in tensors]
    x_proj, w_ih, b_ih, dense, w1, w2, mask, resets, *rows = looks
    given = [kind for kind in looks if kind is not None]
    assert x_proj is not None
    states = None if count is None else tuple(rows[:count])
    extras = dict(zip(names, rows[count or 0 :], strict=True))
    kinds = Kinds(x_proj, dense, w1, w2, mask, resets, states, extras, w_ih, b_ih)
    check_input(kinds)
    if variant is None:
        variant = cell.variant_of(gates(kinds))
    elif variant not in cell.variants:
        known = ", ".join(cell.variants)
        raise ValueError(f"variant of {cell.name} is {variant!r}, expected one of {known}")
    recurrence = Recurrence(cell, variant, precision)
    check_weights(recurrence.form, kinds)
    check_rows(cell, variant, kinds)
    spans = extras.get("timespans")
    return Judgement(
        recurrence,
        x_proj.device.type,
        (*x_proj.shape[:-3], x_proj.shape[-2], weight_kind(kinds).shape[-2]),
        ordinary=all(kind.type in _PLAIN and kind.device.type != "meta" for kind in given),
        needs_grad=any(kind.requires_grad for kind in given),
        times_need_grad=spans is not None and spans.requires_grad,
        kinds=kinds,
    )


_remembered = lru_cache(maxsize=1024)(_judge)
