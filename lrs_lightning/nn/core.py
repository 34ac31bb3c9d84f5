"""What a policy asks of its core, be it recurrent or not, and how a core is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

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


class CoreOptions(Choice, ABC):
    """Base of the cores to choose from."""

    @abstractmethod
    def build(self, input_size: int, action_space: gym.Space[Any]) -> Core:
        """Make the core.

        Args:
            input_size: number of features that the encoder hands on.
            action_space: of one environment; whoever counts the head's parameters needs it.
        """


CORES: Registry[CoreOptions] = Registry("core")
"""Cores by name."""

register_core = CORES.register
