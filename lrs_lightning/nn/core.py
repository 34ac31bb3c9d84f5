"""What a policy asks of its core, be it recurrent or not, and how a core is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lrs_lightning.nn.choices import Choice, Registry

if TYPE_CHECKING:
    import gymnasium as gym


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

    def record(
        self,
        x: Tensor,
        hx: Any = None,
        *,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any, Any]:
        """Run as `forward` does, step by step, and keep the state after every step.

        Returns:
            Output `(T, B, output_size)`, final state, and the states of all steps, `(layers, T, B,
            size)` for each part.
        """
        outputs: list[Tensor] = []
        seen: list[tuple[Tensor, ...]] = []
        for t in range(x.shape[0]):
            dt, reset = (None if part is None else part[t : t + 1] for part in (timespans, resets))
            y, hx = self(x[t : t + 1], hx, timespans=dt, resets=reset)
            outputs.append(y)
            seen.append((hx,) if isinstance(hx, Tensor) else hx)
        # each part (layers, B, size) a step -> (layers, T, B, size)
        states = tuple(torch.stack(parts, dim=1) for parts in zip(*seen, strict=True))
        return torch.cat(outputs), hx, states[0] if len(states) == 1 else states


class CoreOptions(Choice, ABC):
    """Base of the cores to choose from."""

    @abstractmethod
    def build(self, input_size: int, action_space: gym.Space[Any]) -> Core:
        """Make the core.

        Args:
            input_size: number of features that the encoder hands on.
            action_space: of one environment; controls that match the head's parameters need it.
        """


CORES: Registry[CoreOptions] = Registry("core")
"""Cores by name."""

register_core = CORES.register
