"""A recurrent torch module as a policy of the closed loop."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]


class TorchPolicy:
    """Steps a `RecurrentPolicy` for all environments in one call, without gradients.

    Float results depend on the size of a batch in the last bits, and a closed loop amplifies them:
    returns repeat exactly for the same number of environments, and agree statistically otherwise.

    Args:
        module: has `initial_state(N)` and `step(obs, state, resets=starts) -> (out, state)`, where
            `out (N, A)` are actions, or logits for a `Discrete` action space.
        action_space: the module's own `action_space` where absent.
        device: where the module is; that of its first parameter where absent.
    """

    def __init__(
        self,
        module: Any,
        action_space: gym.Space[Any] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.module = module
        self.observation_space = getattr(module, "observation_space", None)
        self.action_space = action_space or getattr(module, "action_space", None)
        parameter = next(iter(module.parameters()), torch.zeros(()))
        self.device = torch.device(device) if device is not None else parameter.device
        self._dtype = parameter.dtype

    @torch.inference_mode()
    def initial_state(self, num_envs: int) -> Any:
        """The module's state for N episodes."""
        return self.module.initial_state(num_envs)

    @torch.inference_mode()
    def step(self, observations: Array, state: Any, starts: NDArray[np.bool_]) -> tuple[Array, Any]:
        """Actions `(N, A)`, or the most likely of discrete ones `(N,)`."""
        was_training = self.module.training
        if was_training:
            self.module.eval()
        try:
            out, state = self.module.step(
                self._tensor(observations), state, resets=self._tensor(starts)
            )
        finally:
            if was_training:
                self.module.train()
        if isinstance(self.action_space, gym.spaces.Discrete):
            out = out.argmax(-1) + int(self.action_space.start)
        actions: Array = out.cpu().numpy()
        return actions, state

    def _tensor(self, array: Array) -> torch.Tensor:
        """Floats in the module's precision; bytes and flags as they are."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.device, self._dtype if tensor.is_floating_point() else tensor.dtype)
