"""The two entries for every cell: the whole recurrence over time, differentiable.

`recurrent_scan` is given the input part of the pre-activations already projected, bias included;
`recurrent_layer` is given the input itself, and projects it on the way. Letters: P population (a
leading axis that may be missing everywhere), T time, B batch, I input size, G recurrent matrices, H
hidden size, r rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, States
from lrs_kernels.ops.run import run
from lrs_kernels.passes import Entry
from lrs_kernels.precision import device_type, lowered, resolve
from lrs_kernels.projection import project
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.registry import find_cell
from lrs_kernels.signature import Signature, look_at

Weight = Tensor | tuple[Tensor, Tensor]
"""Dense `(P, G, H, H)`, or the pair W1 `(P, G, H, r)` and W2 `(P, G, r, H)`."""

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)


def recurrent_scan(
    cell: Cell | str,
    x_proj: Tensor,
    weight: Weight,
    states: States | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    *,
    variant: str | None = None,
    precision: str | None = None,
    backend: str = "auto",
    **extras: Tensor | None,
) -> tuple[Tensor, States]:
    """Run any cell over a sequence; `cfc_scan` and its kin are this with names of their own.

    Args:
        cell: a descriptor, or the name of a registered one.
        x_proj: input part of the pre-activations, bias included, `(P, T, B, G*H)`.
        weight: recurrent weights: dense `(P, G, H, H)`, or factors `(P, G, H, r)`, `(P, G, r, H)`.
        states: initial value of every state of the cell, `(P, B, H)` each; zeros by default.
        mask: 1 where a connection exists, `(P, G, H, H)`; all ones by default.
        resets: true where the states are zeroed before step t (an episode starts), `(P, T, B)`.
        variant: one of `cell.variants`; by default the first that has as many matrices as `weight`.
        precision: of the matrix products on a GPU: `ieee`, `tf32`, `tf32x3`, `bf16`; by default
            what torch is set to.
        backend: `auto`, `triton`, `native`, `cpu` or `reference`.
        **extras: further inputs by name, as the variant takes them (`Variant.extras`).

    Returns:
        The first state after every step, `(P, T, B, H)`, and the final value of every state.

    Raises:
        ValueError: for a cell, shape, variant, extra input, precision or backend that does not fit,
            and for a mask that requires a gradient on a hand-written backend.
        TypeError: for a dtype or device that does not fit.

    """
    device = device_type(x_proj)
    recurrent = Recurrent.of(weight, mask)
    if lowered(device):
        # Autocast lowers products, not sums over a thousand steps: the state stays in float32.
        x_proj, recurrent = _float32(x_proj), Recurrent(*map(_float32, recurrent))
        states = None if states is None else tuple(map(_float32, states))
        extras = {name: _float32(value) for name, value in extras.items()}
    entry = Entry(x_proj, None, None)
    return _scan(cell, entry, recurrent, states, resets, variant, precision, backend, extras)


def recurrent_layer(
    cell: Cell | str,
    x: Tensor,
    weight_ih: Tensor,
    bias: Tensor | None,
    weight: Weight,
    states: States | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    *,
    variant: str | None = None,
    precision: str | None = None,
    backend: str = "auto",
    **extras: Tensor | None,
) -> tuple[Tensor, States]:
    """Run any cell over a sequence that it projects itself: `x W_ih^T + b`, then the recurrence.

    What `recurrent_scan` makes of `torch.nn.functional.linear(x, weight_ih, bias)`, as one node of
    the autograd graph. On `native` projections and gates stay in the processor's cache, and the
    gradients of both weights come from one walk; all other backends, exported programs and
    autocast take that very function before the scan.

    Args:
        cell: a descriptor, or the name of a registered one.
        x: the input, `(P, T, B, I)`.
        weight_ih: what projects it, `(P, G*H, I)`.
        bias: added to the projection, `(P, G*H)`, or None.
        weight: as in `recurrent_scan`, like all arguments after it.
        states: initial value of every state of the cell, `(P, B, H)` each; zeros by default.
        mask: 1 where a connection exists, `(P, G, H, H)`; all ones by default.
        resets: true where the states are zeroed before step t (an episode starts), `(P, T, B)`.
        variant: one of `cell.variants`; by default the first that has as many matrices as `weight`.
        precision: of the matrix products on a GPU, as in `recurrent_scan`.
        backend: `auto`, `triton`, `native`, `cpu` or `reference`.
        **extras: further inputs by name, as the variant takes them (`Variant.extras`).

    Returns:
        The first state after every step, `(P, T, B, H)`, and the final value of every state.

    Raises:
        ValueError: for a cell, shape, variant, extra input, precision or backend that does not fit,
            and for a mask that requires a gradient on a hand-written backend.
        TypeError: for a dtype or device that does not fit.

    Example:
        >>> x, weight_ih = torch.randn(50, 32, 128), torch.randn(3 * 64, 128)
        >>> y, (h_n,) = recurrent_layer("cfc", x, weight_ih, None, torch.randn(3, 64, 64) / 8)
        >>> y.shape, h_n.shape
        (torch.Size([50, 32, 64]), torch.Size([32, 64]))

    """
    if lowered(device_type(x)):
        return recurrent_scan(
            cell, project(x, weight_ih, bias), weight, states, mask, resets,
            variant=variant, precision=precision, backend=backend, **extras,
        )  # fmt: skip
    entry, recurrent = Entry(x, weight_ih, bias), Recurrent.of(weight, mask)
    return _scan(cell, entry, recurrent, states, resets, variant, precision, backend, extras)


def _scan(
    cell: Cell | str,
    entry: Entry,
    recurrent: Recurrent,
    states: States | None,
    resets: Tensor | None,
    variant: str | None,
    precision: str | None,
    backend: str,
    extras: Mapping[str, Tensor | None],
) -> tuple[Tensor, States]:
    """Look at the arguments and run."""
    cell = find_cell(cell) if isinstance(cell, str) else cell
    first = entry.first
    precision = resolve(precision, device_type(first), first.dtype)
    given = {name: value for name, value in extras.items() if value is not None} if extras else {}
    if resets is not None and resets.dtype != torch.bool:
        resets = resets != 0
    tensors = look_at((*entry, *recurrent, resets, *(states or ()), *given.values()))
    count = None if states is None else len(states)
    signature = Signature(cell, variant, precision, count, tuple(given), tensors)
    outputs = run(signature, entry, recurrent, states, resets, given, backend)
    return outputs[0], outputs[1:]


def _float32(tensor: _MaybeTensor) -> _MaybeTensor:
    if tensor is not None and tensor.dtype in (torch.float16, torch.bfloat16):
        return tensor.float()
    return tensor
