"""All recurrent layers of a policy as one map of the whole state, over many episodes at once.

Letters: T steps, N episodes, S size of the whole state: the states of all layers, one behind the
other. Layer l reads the new h of layer l - 1, so that the Jacobian is block lower triangular.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lrs_lightning.analysis.cells import Activations, Cell, read_cells
from lrs_lightning.errors import ArgumentError, DataError


@dataclass(frozen=True)
class Replay:
    """What a recurrence does on given inputs.

    Args:
        inputs: of each layer, `(T, N, I)`.
        before: state of each layer before each step, `(T, N, S_l)`.
        after: state of each layer after each step, `(T, N, S_l)`.
    """

    inputs: list[Tensor]
    before: list[Tensor]
    after: list[Tensor]

    def __len__(self) -> int:
        return int(self.inputs[0].shape[0])

    @property
    def state(self) -> Tensor:
        """The whole state after each step, `(T, N, S)`."""
        return torch.cat(self.after, -1)

    def __getitem__(self, steps: slice) -> Replay:
        """Some of the steps."""
        return self._each(lambda part: part[steps])

    def episodes(self, chosen: Tensor | Sequence[int]) -> Replay:
        """Some of the episodes."""
        return self._each(lambda part: part[:, chosen])

    def at(self, chosen: Tensor) -> Replay:
        """The steps that a bool `(T, N)` marks, M of them side by side: `(1, M, ...)`."""
        return self._each(lambda part: part[chosen].unsqueeze(0))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Replay:
        parts = ([change(p) for p in kind] for kind in (self.inputs, self.before, self.after))
        return Replay(*parts)


@dataclass(frozen=True)
class Recurrence:
    """The recurrent layers of a policy.

    Args:
        cells: one for each layer.

    Example:
        >>> recurrence = Recurrence.of(nn.GRU(5, 16, num_layers=2))
        >>> replay = recurrence.replay(torch.randn(10, 3, 5))
        >>> recurrence.jacobians(replay).shape
        torch.Size([10, 3, 32, 32])
    """

    cells: Sequence[Cell]

    @classmethod
    def of(
        cls, layer: nn.Module, dtype: torch.dtype = torch.float64, timespan: float = 1.0
    ) -> Recurrence:
        """Read a layer; see `read_cells`."""
        return cls(read_cells(layer, dtype, timespan))

    @property
    def state_size(self) -> int:
        """S."""
        return sum(cell.state_size for cell in self.cells)

    @property
    def output(self) -> slice:
        """Where in the whole state the output lies: h of the last layer."""
        last = self.cells[-1]
        start = self.state_size - last.state_size
        return slice(start, start + last.output_size)

    @torch.no_grad()
    def replay(self, features: Tensor, state: Tensor | None = None) -> Replay:
        """Run over features `(T, N, I)`, from `state (N, S)` (zero by default).

        Raises:
            ArgumentError: features of another size than the first layer takes.
            DataError: features that are not finite.
        """
        first = self.cells[0]
        size = first.input_weight.shape[-1]
        if features.dim() != 3 or features.shape[-1] != size:
            raise ArgumentError(
                f"features have shape {tuple(features.shape)}, expected (T, N, {size}): steps, "
                "episodes, inputs of the first recurrent layer."
            )
        if not bool(torch.isfinite(features).all()):
            raise DataError("features are not finite: look at the observations and the encoder")
        x = features.to(first.weight.dtype)
        states = self.split(state) if state is not None else [None] * len(self.cells)
        inputs, before, after = [], [], []
        for cell, start in zip(self.cells, states, strict=True):
            olds, news = _roll(cell, x, start)
            inputs.append(x)
            before.append(olds)
            after.append(news)
            x = news[..., : cell.output_size]
        return Replay(inputs, before, after)

    def split(self, state: Tensor) -> list[Tensor]:
        """The whole state `(..., S)` as those of the layers."""
        return list(torch.split(state, [cell.state_size for cell in self.cells], -1))

    def step(self, features: Tensor, state: Tensor) -> Tensor:
        """One step: `(..., I)`, `(..., S)` -> `(..., S)`."""
        x, news = features, []
        for cell, old in zip(self.cells, self.split(state), strict=True):
            news.append(cell.activate(cell.project(x), old).after)
            x = news[-1][..., : cell.output_size]
        return torch.cat(news, -1)

    def activations(self, replay: Replay) -> list[Activations]:
        """Gates of each layer at every step of a replay."""
        return [
            cell.activate(cell.project(x), old)
            for cell, x, old in zip(self.cells, replay.inputs, replay.before, strict=True)
        ]

    @torch.no_grad()
    def jacobians(self, replay: Replay) -> Tensor:
        """Derivative of the whole state by the one before, `(T, N, S, S)`.

        Its memory is `T N S²` numbers: take a slice of the replay at a time.
        """
        blocks: list[Tensor] = []
        for depth, (cell, now) in enumerate(zip(self.cells, self.activations(replay), strict=True)):
            old = replay.before[depth]
            row = cell.jacobian(old, now)
            if depth:
                heard = blocks[-1][..., : self.cells[depth - 1].output_size, :]
                row = torch.cat([cell.input_jacobian(old, now) @ heard, row], -1)
            blocks.append(row)
        if len(blocks) == 1:
            return blocks[0]
        width = self.state_size
        padded = [nn.functional.pad(row, (0, width - row.shape[-1])) for row in blocks]
        return torch.cat(padded, -2)


def _roll(cell: Cell, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """States before and after each step, each `(T, N, S)`."""
    x_proj = cell.project(x)  # (T, N, G H)
    states = x_proj.new_empty(x.shape[0] + 1, x.shape[1], cell.state_size)
    states[0] = 0 if state is None else state
    for t in range(x.shape[0]):
        states[t + 1] = cell.activate(x_proj[t], states[t]).after
    return states[:-1], states[1:]
