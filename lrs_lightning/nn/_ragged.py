"""Sequences of different lengths: every step is computed once and none of the padding is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn._calls import Call, State, Surface, check_state

Run = Callable[
    [Tensor, tuple[Tensor, ...], Tensor | None, Tensor | None], tuple[Tensor, tuple[Tensor, ...]]
]
"""What runs all layers over time: `(x, state, timespans, resets) -> (y, state)`."""


def check_lengths(lengths: Tensor | list[int], steps: int, batch: int) -> list[int]:
    """Lengths as whole numbers, one for each sequence, from 1 to T."""
    if not isinstance(lengths, Tensor | list | tuple):
        raise ArgumentError(f"lengths is {lengths!r}: give one for each of {batch} sequences.")
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if not isinstance(values, list) or len(values) != batch:
        shape = tuple(lengths.shape) if isinstance(lengths, Tensor) else (len(values),)
        raise ArgumentError(
            f"lengths has shape {shape}, expected ({batch},), one for each sequence."
        )
    if any(int(value) != value or not 1 <= value <= steps for value in values):
        raise ArgumentError(
            f"lengths of shape ({batch},) runs from {min(values)} to {max(values)}: give whole "
            f"numbers from 1 to T = {steps}."
        )
    return [int(value) for value in values]


def run_ragged(run: Run, call: Call, lengths: list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
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
