"""Arguments are judged before anything runs: one sentence that names what does not fit."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.passes import GATES, Inputs
from lrs_kernels.recurrent import Recurrent

_DTYPES = (torch.float32, torch.float64)


def check_inputs(cell: str, inputs: Inputs, gates: tuple[int, ...] | None = None) -> None:
    """Raise unless all tensors fit each other.

    Args:
        cell: name of the cell, for the number of its gates.
        inputs: what the scan will read.
        gates: recurrent matrices the cell may have, where a mode of it differs.

    Raises:
        ValueError: for a shape, naming the argument, its shape and the one expected.
        TypeError: for a dtype or a device.

    """
    x_proj = inputs.x_proj
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
    hidden = _check_weights(inputs.recurrent, gates or GATES[cell], tuple(x_proj.shape))
    _check_rows(inputs, hidden)
    _check_kinds(inputs)


def _check_weights(recurrent: Recurrent, gates: tuple[int, ...], x_shape: tuple[int, ...]) -> int:
    part = recurrent.reference
    name = "weight" if recurrent.dense is not None else "W1"
    lead = x_shape[:-3]
    if part.dim() != 3 + len(lead) or part.shape[-3] not in gates:
        wanted = " or ".join(str(g) for g in gates)
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
    return hidden


def _check_rows(inputs: Inputs, hidden: int) -> None:
    *lead, steps, batch, _ = inputs.x_proj.shape
    _expect("h0", inputs.h0, (*lead, batch, hidden))
    if inputs.c0 is not None:
        _expect("c0", inputs.c0, (*lead, batch, hidden))
    if inputs.timespans is not None:
        _expect("timespans", inputs.timespans, (*lead, steps, batch))
    if inputs.resets is not None:
        _expect("resets", inputs.resets, (*lead, steps, batch))
    if inputs.bias_n is not None:
        _expect("bias_n", inputs.bias_n, (*lead, hidden))


def _check_kinds(inputs: Inputs) -> None:
    x_proj, recurrent = inputs.x_proj, inputs.recurrent
    dtype, device = x_proj.dtype, x_proj.device
    if dtype not in _DTYPES:
        raise TypeError(
            f"x_proj is {dtype}, expected float32 or float64; for half precision on a GPU "
            f"keep float32 tensors and pass precision='bf16'"
        )
    for name, tensor, is_flag in (
        ("weight", recurrent.dense, False), ("W1", recurrent.w1, False),
        ("W2", recurrent.w2, False), ("mask", recurrent.mask, True), ("h0", inputs.h0, False),
        ("c0", inputs.c0, False), ("timespans", inputs.timespans, False),
        ("resets", inputs.resets, True), ("bias_n", inputs.bias_n, False),
    ):  # fmt: skip
        if tensor is None:
            continue
        if not is_flag and tensor.dtype != dtype:
            raise TypeError(f"{name} is {tensor.dtype} but x_proj is {dtype}: they must agree")
        if tensor.device != device:
            raise TypeError(
                f"{name} is on {tensor.device} but x_proj is on {device}: move it there"
            )


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
