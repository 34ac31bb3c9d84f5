"""From the shapes that a user gives to the ones that the scans take, and back."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks

State = Tensor | tuple[Tensor, ...]
"""State of a layer, each part `(layers, B, size)`: a tensor, or several, as an LSTM's (h, c)."""


class Surface(Protocol):
    """What takes a call: the sizes against which it is checked."""

    input_size: int
    state_sizes: tuple[int, ...]
    """of each part of the state"""
    num_layers: int
    batch_first: bool

    @property
    def weight_dtype(self) -> torch.dtype:
        """Of the weights."""


class Call(NamedTuple):
    """The arguments of one call, time first and batched."""

    x: Tensor
    """`(T, B, I)`"""
    state: tuple[Tensor, ...]
    """each `(layers, B, size)`"""
    timespans: Tensor | None
    """`(T, B)`"""
    resets: Tensor | None
    """`(T, B)`"""
    batched: bool


def in_a_graph() -> bool:
    """Whether a call is compiled, exported or traced."""
    return torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None


def arrange(
    surface: Surface,
    x: Tensor,
    hx: State | None,
    timespans: Tensor | None,
    resets: Tensor | None,
) -> Call:
    """Check a call's arguments and bring them into the shapes of `Call`."""
    _checks.not_tracing(surface)
    _checks.tensor("input", x)
    shape, batched = x.shape, x.dim() == 3
    if len(shape) not in (2, 3) or shape[-1] != surface.input_size:
        letters = "(B, T, I)" if surface.batch_first else "(T, B, I)"
        raise ArgumentError(
            f"input has shape {tuple(shape)}, expected {letters} or (T, I) with "
            f"I = input_size = {surface.input_size}."
        )
    if shape[-2 if surface.batch_first else 0] == 0:
        raise ArgumentError(f"input has shape {tuple(shape)}: it needs at least one step.")
    if x.dtype != surface.weight_dtype and not torch.is_autocast_enabled(x.device.type):
        raise ArgumentError(
            f"input is {x.dtype}, but the weights of {type(surface).__name__} are "
            f"{surface.weight_dtype}: convert one of them with .to(dtype)."
        )
    if timespans is not None:
        _checks.tensor("timespans", timespans)
        _checks.shape("timespans", timespans, shape[:-1], "input's without features")
        _checks.timespans(timespans)
        timespans = _time_first(timespans.to(x.dtype), surface, batched)
    if resets is not None:
        _checks.tensor("resets", resets)
        _checks.shape("resets", resets, shape[:-1], "input's without features")
        resets = _time_first(resets, surface, batched)
    x = _time_first(x, surface, batched)
    return Call(x, check_state(surface, hx, x, batched), timespans, resets, batched)


def _time_first(part: Tensor, surface: Surface, batched: bool) -> Tensor:
    if not batched:
        return part.unsqueeze(1)
    return part.transpose(0, 1) if surface.batch_first else part


def check_state(
    surface: Surface, hx: State | None, x: Tensor, batched: bool = True
) -> tuple[Tensor, ...]:
    """The initial state as a tuple of `(layers, B, size)`, zeros where none was given.

    Args:
        surface: of the layer.
        hx: the state as a user gives it.
        x: the input, `(T, B, I)`.
        batched: whether the user's tensors have a batch axis.
    """
    layers, batch, sizes = surface.num_layers, x.shape[1], surface.state_sizes
    if hx is None:
        return tuple([x.new_zeros(layers, batch, size) for size in sizes])
    parts = (hx,) if isinstance(hx, Tensor) else tuple(hx)
    if len(parts) != len(sizes):
        wanted = {1: "h_0 alone", 2: "(h_0, c_0)"}.get(len(sizes), f"{len(sizes)} tensors")
        raise ArgumentError(
            f"hx holds {len(parts)} tensors, but the state of {type(surface).__name__} has "
            f"{len(sizes)}: give {wanted}."
        )
    for place, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        name = f"hx[{place}]" if place else "hx"
        if batched:
            _checks.shape(name, part, (layers, batch, size), "(layers, B, H)")
        else:
            _checks.shape(name, part, (layers, size), "(layers, H)")
    return parts if batched else tuple(part.unsqueeze(1) for part in parts)


def restore(
    surface: Surface, batched: bool, y: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, State]:
    """Output and final state in the shapes that the call came with."""
    if not batched:
        y = y.squeeze(1)
        state = tuple(part.squeeze(1) for part in state)
    elif surface.batch_first:
        y = y.transpose(0, 1)
    return y, pack_state(state)


def pack_state(state: tuple[Tensor, ...]) -> State:
    """A bare tensor where the state has one part, a tuple where it has several."""
    return state[0] if len(state) == 1 else state
