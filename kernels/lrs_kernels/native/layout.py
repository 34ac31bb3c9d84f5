"""What follows from the sizes of a scan: what of it C computes, and how it is cut into tiles."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch

from lrs_kernels.cell import Cell
from lrs_kernels.native.limits import Limits, limits
from lrs_kernels.passes import Recurrence

_ROWS_OF_A_TILE = 48
"""Their state and pre-activations at H = 64 fill a first-level cache."""
_WORTH_A_THREAD = 200_000
"""Multiplications that take as long as waking a thread."""


class Layout(NamedTuple):
    """The same for all calls of the same sizes."""

    sizes: tuple[int, ...]
    """The first ten of `call.FIELDS`."""
    hidden: int
    """H."""
    stacked: int
    """G*H, the numbers of a pre-activation."""
    forms: bool
    """Whether C multiplies factors; else it is given their product."""
    projects: bool
    """Whether the projection is a part of the walk."""
    sums: bool
    """Whether gradients of the recurrent weights are summed in C."""


def layout(
    recurrence: Recurrence,
    lead: tuple[int, ...],
    dense: tuple[int, ...] | None,
    w1: tuple[int, ...] | None,
    w_ih: tuple[int, ...] | None,
) -> Layout:
    """That of a scan.

    Args:
        recurrence: what runs.
        lead: P, T and B; P may be missing.
        dense: shape of dense recurrent weights, `(P, G, H, H)`, or None.
        w1: of the left factors, `(P, G, H, r)`, or None.
        w_ih: of what projects a layer's input, `(P, G*H, I)`, or None.

    """
    part = dense if w1 is None else w1
    assert part is not None
    return _layout(
        recurrence.cell, recurrence.variant, limits(recurrence.cell), lead, part, w1 is not None,
        0 if w_ih is None else w_ih[-1], torch.get_num_threads(),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _layout(
    cell: Cell,
    variant: str,
    bounds: Limits,
    lead: tuple[int, ...],
    part: tuple[int, ...],
    factored: bool,
    width: int,
    available: int,
) -> Layout:
    """`part`: shape of the dense weights, or of W1; `width`: I, or 0 for a projected sequence."""
    gates, hidden, rank = part[-3:]
    forms = factored and rank <= bounds.rank
    projects = width > 0 and bounds.take_projection((gates * hidden, width))
    sums = hidden <= bounds.hidden and forms == factored
    members = lead[0] if len(lead) == 3 else 1
    steps, batch = lead[-2:]
    products = members * steps * batch * gates * hidden * (hidden + width)
    threads = max(1, min(available, products // _WORTH_A_THREAD))
    # A tile for every thread, none beyond the cache.
    per_member = max(1, threads // members)
    tile = max(1, min(_ROWS_OF_A_TILE, -(-batch // per_member)))
    number = cell.position(variant)
    sizes = (
        members, steps, batch, hidden, gates, rank if forms else 0, width, number, threads, tile,
    )  # fmt: skip
    return Layout(sizes, hidden, gates * hidden, forms, projects, sums)
