"""Arguments are judged before anything runs: one sentence that names what does not fit."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Extras, States, Variant
from lrs_kernels.recurrent import Recurrent

_DTYPES = (torch.float32, torch.float64)
_FLAGS = ("mask", "resets")  # of any dtype


def check_x_proj(x_proj: Tensor) -> None:
    """Raise unless this can be the projected input of a scan.

    Raises:
        ValueError: for a number of axes, or one of length 0.

    """
    if x_proj.dim() not in (3, 4):
        raise ValueError(
            f"x_proj has shape {tuple(x_proj.shape)}, expected (T, B, G*H), "
            f"or (P, T, B, G*H) for a population"
        )
    for size, name in zip(x_proj.shape, "PTB" if x_proj.dim() == 4 else "TB", strict=False):
        if size == 0:
            raise ValueError(
                f"x_proj has shape {tuple(x_proj.shape)}: {name} = 0, there is nothing to scan"
            )


def check_weights(variant: Variant, x_proj: Tensor, recurrent: Recurrent) -> None:
    """Raise unless the recurrent weights fit the equations and the projected input.

    Raises:
        ValueError: for a shape, naming the argument, its shape and the one expected.

    """
    part, x_shape = recurrent.reference, tuple(x_proj.shape)
    name = "weight" if recurrent.dense is not None else "W1"
    lead = x_shape[:-3]
    if part.dim() != 3 + len(lead) or part.shape[-3] not in variant.gates:
        wanted = " or ".join(str(g) for g in sorted(variant.gates))
        raise ValueError(
            f"{name} has shape {tuple(part.shape)}, expected "
            f"({'P, ' if lead else ''}G, H, {'H' if name == 'weight' else 'r'}) with G = {wanted}"
        )
    count, hidden = part.shape[-3], part.shape[-2]
    square = (*lead, count, hidden, hidden)
    if recurrent.dense is not None:
        _expect("weight", recurrent.dense, square)
    else:
        w1, w2 = recurrent.factors
        rank = w1.shape[-1]
        _expect("W1", w1, (*lead, count, hidden, rank))
        _expect("W2", w2, (*lead, count, rank, hidden))
    if recurrent.mask is not None:
        _expect("mask", recurrent.mask, square)
    if x_shape[-1] != count * hidden:
        raise ValueError(
            f"x_proj has shape {x_shape}, expected a last axis of G*H = {count} * {hidden} = "
            f"{count * hidden} to fit {name} of shape {tuple(part.shape)}"
        )


def check_rows(
    cell: Cell,
    variant: str,
    x_proj: Tensor,
    recurrent: Recurrent,
    states: States,
    resets: Tensor | None,
    extras: Extras,
) -> None:
    """Raise unless states, resets and extra inputs fit the rest, whose shapes have been checked.

    Raises:
        ValueError: for a shape, a missing input, or one that the variant does not take.
        TypeError: for a dtype or a device.

    """
    *lead, steps, batch, width = x_proj.shape
    hidden = width // recurrent.reference.shape[-3]
    if len(states) != len(cell.states):
        raise ValueError(f"{len(states)} states for {cell.name}, expected {len(cell.states)}")
    names = [f"{name}0" for name in cell.states]
    for name, state in zip(names, states, strict=True):
        _expect(name, state, (*lead, batch, hidden))
    if resets is not None:
        _expect("resets", resets, (*lead, steps, batch))
    known = cell.variants[variant].extras
    for name, kind in known.items():
        if name in extras:
            shape = (*lead, steps, batch) if kind.axes == "TB" else (*lead, hidden)
            _expect(name, extras[name], shape)
        elif kind.required:
            needed = " and ".join(name for name, kind in known.items() if kind.required)
            raise ValueError(f"variant {variant!r} of {cell.name} needs {needed}")
    if not extras.keys() <= known.keys():
        unknown = ", ".join(sorted(extras.keys() - known.keys()))
        takes = ", ".join(known) or "no extra input"
        raise ValueError(f"variant {variant!r} of {cell.name} takes {takes}, got {unknown}")
    _check_kinds(x_proj, {
        "weight": recurrent.dense, "W1": recurrent.w1, "W2": recurrent.w2,
        "mask": recurrent.mask, "resets": resets,
        **dict(zip(names, states, strict=True)), **extras,
    })  # fmt: skip


def _check_kinds(x_proj: Tensor, named: dict[str, Tensor | None]) -> None:
    dtype, device = x_proj.dtype, x_proj.device
    if dtype not in _DTYPES:
        raise TypeError(
            f"x_proj is {dtype}, expected float32 or float64; for half precision on a GPU "
            f"keep float32 tensors and pass precision='bf16'"
        )
    for name, tensor in named.items():
        if tensor is None:
            continue
        if tensor.dtype != dtype and name not in _FLAGS:
            raise TypeError(f"{name} is {tensor.dtype} but x_proj is {dtype}: they must agree")
        if tensor.device != device:
            raise TypeError(
                f"{name} is on {tensor.device} but x_proj is on {device}: move it there"
            )


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
