"""From the core's output to an action: bounded numbers for a `Box`, logits for a `Discrete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.rowwise import Dense

if TYPE_CHECKING:
    import gymnasium as gym


class BoxHead(nn.Module):
    """A dense layer and tanh scaled to the action's bounds; without bounds no tanh.

    Args:
        features: size of the core's output.
        space: a one-dimensional `Box`, each component bounded on both sides or not at all.

    Example:
        >>> from gymnasium.spaces import Box
        >>> head = BoxHead(64, Box(-2, 2, (3,)))
        >>> head(torch.full((5, 64), 1e6)).abs().max() <= 2
        tensor(True)
    """

    rows_apart = True
    middle: Tensor
    reach: Tensor

    def __init__(self, features: int, space: gym.spaces.Box) -> None:
        super().__init__()
        if len(space.shape) != 1:
            raise ArgumentError(
                f"actions of {space} are no vector: flatten them in the environment."
            )
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        finite = np.isfinite(low) & np.isfinite(high)
        if np.isfinite([low, high]).any() and not finite.all():
            raise ArgumentError(
                f"actions of {space} are bounded in part: bound all components or none."
            )
        self.bounded = bool(finite.all())
        self._bounds = (low, high) if self.bounded else (np.zeros_like(low), np.zeros_like(low))
        self.outputs = int(space.shape[0])
        self.dense = Dense(features, self.outputs)
        # Not saved: the action space already says it.
        for name in ("middle", "reach"):
            self.register_buffer(name, torch.empty(self.outputs), persistent=False)
        self._set_bounds()

    def reset_parameters(self) -> None:
        """Draw the weights anew, and take the bounds from the action space."""
        self.dense.reset_parameters()
        self._set_bounds()

    def _set_bounds(self) -> None:
        low, high = self._bounds
        self.middle.copy_(torch.from_numpy((low + high) / 2))
        self.reach.copy_(torch.from_numpy((high - low) / 2))

    def forward(self, x: Tensor) -> Tensor:
        """`(..., H)` -> actions `(..., A)`."""
        y: Tensor = self.dense(x)
        return torch.addcmul(self.middle, self.reach, torch.tanh(y)) if self.bounded else y

    def decide(self, outputs: Tensor) -> Tensor:
        """The action to take: the output itself."""
        return outputs


class DiscreteHead(nn.Module):
    """A dense layer to one logit for each action.

    Args:
        features: size of the core's output.
        space: a `Discrete` space.

    Example:
        >>> from gymnasium.spaces import Discrete
        >>> DiscreteHead(64, Discrete(18))(torch.zeros(5, 64)).shape
        torch.Size([5, 18])
    """

    rows_apart = True

    def __init__(self, features: int, space: gym.spaces.Discrete) -> None:
        super().__init__()
        self.outputs, self.start = int(space.n), int(space.start)
        self.dense = Dense(features, self.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., H)` -> logits `(..., A)`."""
        y: Tensor = self.dense(x)
        return y

    def decide(self, outputs: Tensor) -> Tensor:
        """The likeliest action, `(...,)`."""
        return outputs.argmax(-1) + self.start


Head = BoxHead | DiscreteHead


def make_head(features: int, space: gym.Space[Any]) -> Head:
    """The head for an action space.

    Raises:
        ArgumentError: the space is neither a `Box` nor `Discrete`.
    """
    from gymnasium.spaces import Box, Discrete

    if isinstance(space, Box):
        return BoxHead(features, space)
    if isinstance(space, Discrete):
        return DiscreteHead(features, space)
    raise ArgumentError(f"actions of {space} are not supported: give a Box or a Discrete space.")
