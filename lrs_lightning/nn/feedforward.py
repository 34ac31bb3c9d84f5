"""The controls without recurrence: a memoryless core, and one that sees the last k frames.

Both have the surface of an LRS layer, so that a policy need not know: `(T, B, I)` in, `(T, B, H)`
out and a state `(1, B, S)`, whose S is 0 for the memoryless core.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks
from lrs_lightning.nn.core import Core
from lrs_lightning.nn.rowwise import Dense


class FeedForward(Core):
    """Dense layers with ReLU on the features of the present alone.

    Args:
        input_size: I.
        hidden_size: H, width of both layers.
        num_layers: how many; with 0 the features are handed on, so that the head is linear in them.

    Example:
        >>> y, state = FeedForward(8, 16)(torch.randn(5, 2, 8))
        >>> y.shape, state.shape
        (torch.Size([5, 2, 16]), torch.Size([1, 2, 0]))
    """

    states = 1
    frames = 1
    rows_apart = True

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 2) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            _checks.positive(name, size)
        _checks.not_negative("num_layers", num_layers)
        self.input_size, self.hidden_size = input_size, hidden_size
        layers: list[nn.Module] = []
        size = input_size * self.frames
        for _ in range(num_layers):
            layers += [Dense(size, hidden_size), nn.ReLU()]
            size = hidden_size
        self.layers = nn.Sequential(*layers)
        self.output_size = size

    @property
    def state_size(self) -> int:
        """Numbers remembered of each sequence, S."""
        return self.input_size * (self.frames - 1)

    def initial_state(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """The state before the first step, `(1, B, S)`."""
        return (like.new_zeros(1, batch, self.state_size),)

    def forward(
        self,
        x: Tensor,
        hx: Tensor | None = None,
        *,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`(T, B, I)` -> `(T, B, H)` and the state, `(1, B, S)`."""
        state = self.initial_state(x.shape[1], x)[0] if hx is None else hx
        _checks.shape("hx", state, (1, x.shape[1], self.state_size), "(1, B, S)")
        stacked, state = self._see(x, state, resets)
        y: Tensor = self.layers(stacked)
        return y, state

    def _see(self, x: Tensor, state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
        return x, state


class FrameStack(FeedForward):
    """Dense layers on the features of the last k steps: a memory of fixed length, not learned.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: dense layers.
        frames: k, how many steps are seen, the present included. Before an episode's first step
            there are zeros.

    Example:
        >>> y, state = FrameStack(8, 16, frames=4)(torch.randn(5, 2, 8))
        >>> y.shape, state.shape
        (torch.Size([5, 2, 16]), torch.Size([1, 2, 24]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 2, frames: int = 4
    ) -> None:
        if isinstance(frames, bool) or not isinstance(frames, int) or frames < 2:
            raise ArgumentError(f"frames is {frames!r}: give a whole number of at least 2.")
        _checks.positive("num_layers", num_layers)
        self.frames = frames
        super().__init__(input_size, hidden_size, num_layers)

    def _see(self, x: Tensor, state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
        steps, batch, size = x.shape
        old = self.frames - 1
        before = state.view(batch, old, size).transpose(0, 1)  # (k-1, B, I), oldest first
        seen = torch.cat([before, x])  # (k-1+T, B, I)
        if resets is None:
            views = [seen[age : age + steps] for age in range(self.frames)]
            last = seen[steps:]
        else:
            episode = (resets != 0).to(torch.long).cumsum(0)  # (T, B)
            remembered = torch.cat([episode.new_zeros(old, batch), episode])
            views = [
                seen[age : age + steps] * _same(remembered[age : age + steps], episode)
                for age in range(self.frames)
            ]
            last = seen[steps:] * _same(remembered[steps:], episode[-1])
        after = last.transpose(0, 1).reshape(1, batch, old * size)
        return torch.cat(views, dim=-1), after


def _same(then: Tensor, now: Tensor) -> Tensor:
    return (then == now).unsqueeze(-1)
