"""Sequences of different lengths, in two ways.

In spans no padding is computed, but each span is a call of its own. With the padding it is one
call, whatever the lengths, which `torch.compile` and `torch.export` can capture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks
from lrs_lightning.nn._calls import Call, State, Surface, check_state
from lrs_lightning.nn._padding import zero_padding

Run = Callable[
    [Tensor, tuple[Tensor, ...], Tensor | None, Tensor | None], tuple[Tensor, tuple[Tensor, ...]]
]
"""What runs all layers over time: `(x, state, timespans, resets) -> (y, state)`."""

_START = 256
"""What it costs to start a span, in steps of one row: roughly, from tables over B, T and H."""


class Layers(Protocol):
    """What runs here."""

    @property
    def can_hold(self) -> bool: ...
    @property
    def stays_small(self) -> bool: ...
    def run(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...
    def through_layers(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        valid: Tensor | None = None,
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]: ...


def run_lengths(
    layers: Layers, call: Call, lengths: Tensor | list[int]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a padded batch as its user gives it.

    In a graph that is being captured lengths are not looked at: one graph serves them all.
    """
    if not call.batched:
        raise ArgumentError("lengths given with one unbatched sequence: cut the input instead.")
    if torch.compiler.is_compiling() and isinstance(lengths, Tensor):
        if not layers.can_hold:
            raise ArgumentError(
                "lengths cannot be compiled for a cell with several states and no `hold`: call the "
                "layer outside torch.compile, or add `hold` to it."
            )
        _checks.shape("lengths", lengths, (call.x.shape[1],), "one for each sequence")
        return run_padded(layers, call, lengths)
    checked = check_lengths(lengths, *call.x.shape[:2])
    return run_ragged(layers, call, checked) if checked else layers.run(*call[:4])


def run_ragged(layers: Layers, call: Call, lengths: list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a padded batch in the way that costs less: span by span, or with its padding."""
    steps, longest = call.x.shape[0], max(lengths)
    in_spans = sum(lengths) + (len(set(lengths)) - 1) * _START
    if in_spans <= longest * len(lengths) or not layers.can_hold:
        return run_spans(layers.run, call, lengths)
    if longest < steps:
        x, state, *others, batched = call
        timespans, resets = (None if part is None else part[:longest] for part in others)
        call = Call(x[:longest], state, timespans, resets, batched)
    return run_padded(layers, call, torch.tensor(lengths, device=call.x.device), steps)


def check_lengths(lengths: Tensor | list[int], steps: int, batch: int) -> list[int]:
    """Lengths as whole numbers, one for each sequence, from 1 to T."""
    if not isinstance(lengths, Tensor | list | tuple):
        raise ArgumentError(f"lengths is {lengths!r}: give one for each of {batch} sequences.")
    shape = tuple(lengths.shape) if isinstance(lengths, Tensor) else (len(lengths),)
    if shape != (batch,):
        raise ArgumentError(
            f"lengths has shape {shape}, expected ({batch},), one for each sequence."
        )
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if set(map(type, values)) == {int} and min(values) >= 1 and max(values) <= steps:
        return values  # nearly always, and sooner
    whole = []
    for value in values:
        number = _whole(value)
        if not 1 <= number <= steps:
            raise ArgumentError(
                f"lengths of shape ({batch},) holds {value!r}: give whole numbers from 1 to "
                f"T = {steps}."
            )
        whole.append(number)
    return whole


def _whole(value: Any) -> int:
    """The number where it is a whole one, else 0, which is no length."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # whatever stands in a list
        return 0
    return number if number == value else 0


def run_padded(
    layers: Layers, call: Call, lengths: Tensor, steps: int | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a padded batch as if nothing ended, and take what belongs to the sequences.

    Nothing of the padding gets through, not even NaN: neither forward nor into gradients. The
    output is filled up to so many `steps`.
    """
    x, state, timespans, resets, _ = call
    valid = torch.arange(x.shape[0], device=x.device).unsqueeze(-1) < lengths  # (T, B)
    padding = ~valid
    x = zero_padding(x, valid)
    if timespans is not None:
        timespans = timespans.masked_fill(padding, 0)
    if len(state) == 1 and not layers.stays_small:  # nothing may grow in the padding
        resets = padding if resets is None else (resets != 0) | padding
    elif resets is not None:
        resets = (resets != 0) & valid
    outputs, final = layers.through_layers(x, state, timespans, resets, valid)
    last = (lengths - 1).view(-1, 1)  # (B, 1)
    ends = [y.gather(0, last.expand(1, -1, y.shape[-1])).squeeze(0) for y in outputs]
    h = ends[0].unsqueeze(0) if len(ends) == 1 else torch.stack(ends)
    return zero_padding(outputs[-1], valid, steps), (h, *final[1:])


def run_spans(run: Run, call: Call, lengths: list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a padded batch, longest sequence first, in spans during which none of them ends."""
    x, state, timespans, resets, _ = call
    steps = x.shape[0]
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    index = torch.tensor(order, device=x.device)
    x = x.index_select(1, index)
    timespans, resets = _pick(timespans, index), _pick(resets, index)
    state = tuple(part.index_select(1, index) for part in state)
    outputs: list[Tensor] = []
    finals: list[tuple[Tensor, ...]] = []
    start = 0
    for end in sorted(set(lengths)):
        active = sum(length >= end for length in lengths)
        finals.insert(0, tuple(part[:, active:] for part in state))
        state = tuple(part[:, :active] for part in state)
        spans = (_cut(part, start, end, active) for part in (timespans, resets))
        y, state = run(x[start:end, :active], state, *spans)
        outputs.append(functional.pad(y, (0, 0, 0, len(lengths) - active)))
        start = end
    finals.insert(0, state)
    y = functional.pad(torch.cat(outputs), (0, 0, 0, 0, 0, steps - start))
    back = torch.empty_like(index)
    back[index] = torch.arange(len(lengths), device=x.device)
    ended = (torch.cat(parts, dim=1) for parts in zip(*finals, strict=True))
    return y.index_select(1, back), tuple(part.index_select(1, back) for part in ended)


def _pick(part: Tensor | None, index: Tensor) -> Tensor | None:
    return None if part is None else part.index_select(1, index)


def _cut(part: Tensor | None, start: int, end: int, rows: int) -> Tensor | None:
    return None if part is None else part[start:end, :rows]


def unpack(surface: Surface, packed: PackedSequence, hx: State | None) -> tuple[Call, list[int]]:
    """A `PackedSequence` as a padded call and the lengths of its sequences."""
    if packed.data.shape[-1] != surface.input_size:
        raise ArgumentError(
            f"input packs features of size {packed.data.shape[-1]}, expected "
            f"input_size = {surface.input_size}."
        )
    x, counts = pad_packed_sequence(packed)
    return Call(x, check_state(surface, hx, x), None, None, batched=True), counts.tolist()


def pack_like(packed: PackedSequence, y: Tensor, lengths: list[int]) -> PackedSequence:
    """Padded outputs as a `PackedSequence` with the same order of rows, as in torch.nn."""
    order = packed.sorted_indices
    if order is not None:
        y, lengths = y.index_select(1, order), [lengths[row] for row in order.tolist()]
    data = pack_padded_sequence(y, torch.tensor(lengths)).data
    return PackedSequence(data, packed.batch_sizes, order, packed.unsorted_indices)
