"""What a policy asks of its core, be it recurrent or not."""

from __future__ import annotations

from torch import Tensor, nn


class Core(nn.Module):
    """Features over time in, hidden outputs over time out, with a state that can be carried on.

    `forward(x, hx, *, timespans, resets)` takes `(T, B, input_size)` and gives
    `(T, B, output_size)` and the state after the last step.
    """

    input_size: int
    output_size: int

    def initial_state(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """The state of `batch` fresh sequences, with the type and device of `like`."""
        raise NotImplementedError
