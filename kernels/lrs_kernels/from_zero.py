"""A layer in its usual call: from zero on, in the shapes of a module of torch.nn."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lrs_kernels.cell import Cell, States
from lrs_kernels.native.axes import Axes
from lrs_kernels.ops.direct import run_directly
from lrs_kernels.ops.known import directly
from lrs_kernels.ops.surroundings import in_the_open
from lrs_kernels.passes import Entry
from lrs_kernels.precision import lowered
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.scan import Weight, recurrent_layer
from lrs_kernels.signature import Signature, look_at

_AXES = Axes(batch_first=False, layers=True), Axes(batch_first=True, layers=True)
_PRECISION = "ieee"
"""Of the products on a CPU."""


def layer_from_zero(
    cell: Cell,
    x: Tensor,
    weight_ih: Tensor,
    bias: Tensor | None,
    weight: Weight,
    mask: Tensor | None = None,
    *,
    batch_first: bool = False,
    variant: str | None = None,
    backend: str = "auto",
    **extras: Any,
) -> tuple[Tensor, States]:
    """`recurrent_layer` for sequences that start at zero, with its numbers to the last bit.

    Where C runs all of it, it is told where numbers lie, and so exchanges time and batch and adds
    the axis of layers. Views would be further nodes of the graph.

    Args:
        cell: a descriptor.
        x: the input, `(T, B, I)`, or `(B, T, I)` with `batch_first`.
        weight_ih: what projects it, `(G*H, I)`.
        bias: added to the projection, `(G*H,)`, or None.
        weight: recurrent weights: dense `(G, H, H)`, or factors `(G, H, r)` and `(G, r, H)`.
        mask: 1 where a connection exists, `(G, H, H)`; all ones by default.
        batch_first: the order of the first two axes of `x` and of what is returned.
        variant: one of `cell.variants`; by default the first that has as many matrices as `weight`.
        backend: `auto`, `triton`, `native`, `cpu` or `reference`.
        **extras: further inputs by name, but for those of every step.

    Returns:
        The first state after every step, in the order of the input's axes, and the final value of
        every state, `(1, B, H)` each.

    Raises:
        ValueError: for arguments that do not fit, as of `recurrent_layer`.
        TypeError: for a dtype or device that does not fit.

    """
    if x.is_cpu and in_the_open() and not lowered("cpu"):
        entry, recurrent = Entry(x, weight_ih, bias), Recurrent.of(weight, mask)
        looks = look_at((*entry, *recurrent, None, *extras.values()))
        signature = Signature(cell, variant, _PRECISION, None, tuple(extras), looks)
        direct = directly(signature, backend, _AXES[batch_first])
        if direct is not None:
            outputs = run_directly(direct, entry, recurrent, None, None, extras)
            return outputs[0], outputs[1:]
    steps_first = x.transpose(0, 1) if batch_first else x
    y, final = recurrent_layer(
        cell, steps_first, weight_ih, bias, weight, None, mask,
        variant=variant, backend=backend, **extras,
    )  # fmt: skip
    return y.transpose(0, 1) if batch_first else y, tuple([part.unsqueeze(0) for part in final])
