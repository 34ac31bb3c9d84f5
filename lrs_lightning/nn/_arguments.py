"""From the shapes a user gives to the ones the scans take, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks

if TYPE_CHECKING:
    from lrs_lightning.nn._sequences import State
    from lrs_lightning.nn.recurrent import LRSLayer


class Frame(NamedTuple):
    """A call's arguments, time first and batched."""

    x: Tensor
    """`(T, B, I)`"""
    state: tuple[Tensor, ...]
    """each `(layers, B, H)`"""
    timespans: Tensor | None
    """`(T, B)`"""
    resets: Tensor | None
    """`(T, B)`"""
    batched: bool


def arrange(
    layer: LRSLayer,
    x: Tensor,
    hx: State | None,
    timespans: Tensor | None,
    resets: Tensor | None,
) -> Frame:
    """Check a call's arguments and bring them into the shapes of `Frame`."""
    _checks.not_tracing(type(layer).__name__)
    if x.dim() not in (2, 3) or x.shape[-1] != layer.input_size:
        letters = "(B, T, I)" if layer.batch_first else "(T, B, I)"
        raise ArgumentError(
            f"input has shape {tuple(x.shape)}, expected {letters} or (T, I) with "
            f"I = input_size = {layer.input_size}."
        )
    if x.numel() == 0:
        raise ArgumentError(
            f"input has shape {tuple(x.shape)}: it needs at least one step and sequence."
        )
    batched = x.dim() == 3
    if timespans is not None:
        _checks.shape("timespans", timespans, x.shape[:-1], "input's without features")
        _checks.timespans(timespans)
        timespans = _time_first(timespans.to(x.dtype), layer, batched)
    if resets is not None:
        _checks.shape("resets", resets, x.shape[:-1], "input's without features")
        resets = _time_first(resets, layer, batched)
    x = _time_first(x, layer, batched)
    state = check_state(layer, hx, x, batched)
    return Frame(x, state, timespans, resets, batched)


def _time_first(part: Tensor, layer: LRSLayer, batched: bool) -> Tensor:
    if not batched:
        return part.unsqueeze(1)
    return part.transpose(0, 1) if layer.batch_first else part


def check_state(
    layer: LRSLayer, hx: State | None, x: Tensor, batched: bool = True
) -> tuple[Tensor, ...]:
    """The initial state as a tuple of `(layers, B, H)`, zeros where none was given."""
    batch = x.shape[1]
    if hx is None:
        return layer.initial_state(batch, x)
    sizes = (layer.output_size, layer.hidden_size)[: layer.states]
    parts = (hx,) if isinstance(hx, Tensor) else tuple(hx)
    if len(parts) != layer.states:
        raise ArgumentError(
            f"hx holds {len(parts)} tensors, but the state of {type(layer).__name__} has "
            f"{layer.states}: give {'(h_0, c_0)' if layer.states == 2 else 'h_0 alone'}."
        )
    for name, part, size in zip(("hx", "hx[1]"), parts, sizes, strict=False):
        if batched:
            _checks.shape(name, part, (layer.num_layers, batch, size), "(layers, B, H)")
        else:
            _checks.shape(name, part, (layer.num_layers, size), "(layers, H)")
    return parts if batched else tuple(part.unsqueeze(1) for part in parts)


def restore(
    layer: LRSLayer, frame: Frame, y: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, State]:
    """Output and final state in the shapes that the call came with."""
    if not frame.batched:
        y = y.squeeze(1)
        state = tuple(part.squeeze(1) for part in state)
    elif layer.batch_first:
        y = y.transpose(0, 1)
    return y, pack_state(state)


def pack_state(state: tuple[Tensor, ...]) -> State:
    """A bare tensor for cells with one, the pair for an LSTM."""
    return state[0] if len(state) == 1 else (state[0], state[1])
