"""A feed-forward expert in NumPy: what SAC and its kin leave behind once training is over.

It needs no torch, so that collecting demonstrations and scoring an expert start at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError, EnvironmentMismatchError

Array = NDArray[np.float32]


class MLPExpert:
    """Deterministic policy: dense layers with ReLU between them, then tanh onto the action bounds.

    Args:
        layers: `(weight, bias)` of each layer, weight `(out, in)`.
        action_space: a bounded box; tanh's [-1, 1] is mapped onto it.
        card: where the weights come from and what they earn.
        env_id: the task it was made for.

    Raises:
        DataError: if consecutive layers do not fit, or a weight is not finite.
        EnvironmentMismatchError: if the last layer does not fit the action space.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Array, Array]],
        action_space: gym.spaces.Box,
        card: dict[str, Any] | None = None,
        env_id: str = "",
    ) -> None:
        _check(layers)
        if layers[-1][0].shape[0] != np.prod(action_space.shape):
            raise EnvironmentMismatchError(
                f"the expert has {layers[-1][0].shape[0]} actions and {env_id or 'the task'} wants "
                f"{int(np.prod(action_space.shape))}: load an expert of this task"
            )
        self.layers = [(np.ascontiguousarray(w.T), b) for w, b in layers]  # (in, out) for x @ W
        self.card, self.env_id = dict(card or {}), env_id
        self._scale = ((action_space.high - action_space.low) / 2).astype(np.float32)
        self._middle = ((action_space.high + action_space.low) / 2).astype(np.float32)

    @property
    def observation_size(self) -> int:
        """Number of observation channels it reads."""
        return int(self.layers[0][0].shape[0])

    def initial_state(self, num_envs: int) -> None:
        """Nothing: a feed-forward policy remembers nothing."""
        return None

    def step(
        self, observations: NDArray[Any], state: Any = None, starts: NDArray[np.bool_] | None = None
    ) -> tuple[Array, Any]:
        """Actions `(N, A)` for observations `(N, O)`."""
        hidden = observations.astype(np.float32, copy=False)
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0.0)
        weight, bias = self.layers[-1]
        return np.tanh(hidden @ weight + bias) * self._scale + self._middle, state


def _check(layers: Sequence[tuple[Array, Array]]) -> None:
    if not layers:
        raise DataError("the expert has no layers: expected layers.0.weight, layers.0.bias, ...")
    width = layers[0][0].shape[1]
    for i, (weight, bias) in enumerate(layers):
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise DataError(
                f"layer {i} of the expert has weight {weight.shape} and bias {bias.shape}, "
                f"expected weight (out, {width}) and bias (out,): the file is no chain of layers"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise DataError(f"layer {i} of the expert holds NaN or infinity: the file is damaged")
        width = weight.shape[0]
