"""The one entry for every cell: the whole recurrence over time, differentiable.

Letters: P population (a leading axis that may be missing everywhere), T time, B batch, G recurrent
matrices, H hidden size, r rank. The input part of the pre-activations is given already projected,
bias included, since one GEMM for all steps is faster than T small ones.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, States
from lrs_kernels.ops.run import run
from lrs_kernels.precision import lowered, resolve
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.registry import find_cell
from lrs_kernels.signature import Signature, judge, look_at

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
    cell = find_cell(cell) if isinstance(cell, str) else cell
    # Asking a device for its type makes a string, which takes as long as six other questions.
    device = "cpu" if x_proj.is_cpu else x_proj.device.type
    recurrent = Recurrent.of(weight, mask)
    precision = resolve(precision, device, x_proj.dtype)
    given = {name: value for name, value in extras.items() if value is not None}
    if resets is not None and resets.dtype != torch.bool:
        resets = resets != 0
    if lowered(device):
        # Autocast lowers products, not sums over a thousand steps: the state stays in float32.
        x_proj, recurrent = _float32(x_proj), Recurrent(*map(_float32, recurrent))
        states = None if states is None else tuple(map(_float32, states))
        given = {name: _float32(value) for name, value in given.items()}
    tensors = look_at((x_proj, *recurrent, resets, *(states or ()), *given.values()))
    count = None if states is None else len(states)
    judged = judge(Signature(cell, variant, precision, count, tuple(given), tensors))
    if states is None:
        states = tuple([x_proj.new_zeros(judged.state_shape) for _ in cell.states])
    y, *final = run(judged, x_proj, recurrent, states, resets, given, backend)
    return y, tuple(final)


def _float32(tensor: _MaybeTensor) -> _MaybeTensor:
    if tensor is not None and tensor.dtype in (torch.float16, torch.bfloat16):
        return tensor.float()
    return tensor
