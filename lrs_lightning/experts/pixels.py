"""An expert that sees pixels: a Q-network or policy network over four stacked frames."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.experts.q_network import SIZE, STACK, QNetwork

Frames = NDArray[np.uint8]


class PixelExpert:
    """The action of the largest output.

    It takes stacks `(N, 4, 84, 84)`, or single frames `(N, 1, 84, 84)` which it stacks itself: so
    are demonstrations collected, that hold each frame once. Both give the same actions.

    Args:
        network: values or logits of stacked frames.
        action_space: the game's.
        card: where the weights come from and what they earn.
        env_id: the game it was made for.

    Raises:
        EnvironmentMismatchError: the network has another number of actions than the game.
    """

    rows_apart = False  # convolutions

    def __init__(
        self,
        network: QNetwork,
        action_space: gym.spaces.Discrete,
        card: dict[str, Any] | None = None,
        env_id: str = "",
    ) -> None:
        if network.head.out_features != action_space.n:
            raise EnvironmentMismatchError(
                f"the expert has {network.head.out_features} actions and {env_id or 'the game'} "
                f"wants {action_space.n}: load an expert of this game"
            )
        self.module = network.eval()
        self.card, self.env_id, self.action_space = dict(card or {}), env_id, action_space

    def initial_state(self, num_envs: int) -> Frames:
        """The last four frames of each game; used only where frames come one by one."""
        return np.zeros((num_envs, STACK, SIZE, SIZE), np.uint8)

    def step(
        self, observations: NDArray[Any], state: Any = None, starts: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], Any]:
        """Actions `(N,)` for frames `(N, 4, 84, 84)` or `(N, 1, 84, 84)`.

        Raises:
            EnvironmentMismatchError: frames of another size or dtype.
        """
        shape, stacks = observations.shape[1:], (1, STACK)
        if observations.dtype != np.uint8 or shape not in [(n, SIZE, SIZE) for n in stacks]:
            raise EnvironmentMismatchError(
                f"the expert sees uint8 frames (N, 4, {SIZE}, {SIZE}) or (N, 1, {SIZE}, {SIZE}), "
                f"and was given {observations.dtype} of shape {observations.shape}"
            )
        frames = observations
        if shape[0] == 1:
            frames = state = _stacked(observations, state, starts)
        with torch.inference_mode():
            values = self.module(torch.from_numpy(np.ascontiguousarray(frames)))
        actions: NDArray[np.int64] = values.argmax(dim=1).numpy()
        return actions, state


def _stacked(newest: Frames, state: Frames | None, starts: NDArray[np.bool_] | None) -> Frames:
    """The stacks of the frame before, moved on by one; those of new episodes begin empty."""
    stack = np.empty((len(newest), STACK, SIZE, SIZE), np.uint8)
    stack[:, :-1] = 0 if state is None else state[:, 1:]
    stack[:, -1] = newest[:, 0]
    if starts is not None:
        stack[starts, :-1] = 0
    return stack
