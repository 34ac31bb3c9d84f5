"""A recurrent torch module as a policy of the closed loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lrs_lightning.nn.policy import RecurrentPolicy
from lrs_lightning.nn.rowwise import computes_rows_apart, rows_apart
from lrs_lightning.rollout.states import StateArrays, state_names

Array = NDArray[Any]
NO_ACTION = -(1 << 31)  # in no space of discrete actions


class TorchPolicy:
    """Steps a `RecurrentPolicy` for all environments in one call, without gradients.

    An episode is the same to the last bit whatever is played beside it, on one processor and
    version of torch: vector policies on the CPU add row by row (`nn.rowwise`), where there is a
    compiler; all others are called with a fixed number of rows, of which each kernel of torch that
    was looked at treats all alike. Behind a frozen encoder of pictures, which needs such a fixed
    number, rows are added one by one again, so that others may share it (`rollout.group`).

    Args:
        module: has `initial_state(N)` and `step(obs, state, resets=starts) -> (out, state)`, where
            `out (N, A)` are actions, or logits if `action_space` is `Discrete`. A module with a
            method `decide(out)` chooses the action itself.
        action_space: the module's own `action_space` where absent.
        device: where the module is; that of its first parameter where absent.
        threads: torch's threads during a step on the CPU. The default is one for vectors,
            since idle threads of torch would take cores from the environments (measured on two
            cores: 32 thousand steps a second with one, 19 with two), and torch's own for pictures.
        timespan: how long a step lasts, for a module that is to be told: `timespans (N,)` of
            `step`; one where absent.
    """

    def __init__(
        self,
        module: Any,
        action_space: gym.Space[Any] | None = None,
        device: torch.device | str | None = None,
        threads: int | None = None,
        timespan: float | None = None,
    ) -> None:
        self.module, self.threads, self.timespan = module, threads, timespan
        self._products: Callable[[], AbstractContextManager[None]] = nullcontext
        self.observation_space = getattr(module, "observation_space", None)
        self.action_space = action_space or getattr(module, "action_space", None)
        parameter = next(iter(module.parameters()), torch.zeros(()))
        self.device = torch.device(device) if device is not None else parameter.device
        self._dtype = parameter.dtype

    @property
    def rows_apart(self) -> bool:
        """Whether rows are computed apart from each other, so that any number may be asked."""
        return isinstance(self.module, nn.Module) and computes_rows_apart(self.module)

    @property
    def features_apart(self) -> bool:
        """Whether rows are apart only from where a frozen encoder has made features of them."""
        module = self.module
        if not isinstance(module, RecurrentPolicy) or not module.encoder.frozen or self.rows_apart:
            return False
        return computes_rows_apart(module.core) and computes_rows_apart(module.head)

    @torch.inference_mode()
    def initial_state(self, num_envs: int) -> Any:
        """The module's state for N episodes."""
        self._products = rows_apart if self.rows_apart or self.features_apart else nullcontext
        return self.module.initial_state(num_envs)

    @torch.inference_mode()
    def step(self, observations: Array, state: Any, starts: NDArray[np.bool_]) -> tuple[Array, Any]:
        """Actions `(N, A)`, or the likeliest of discrete ones `(N,)`."""
        with (
            torch_threads(self.threads_for(observations)),
            evaluating(self.module),
            self._products(),
        ):
            out, state = self.module.step(
                self.tensor(observations),
                state,
                resets=self.tensor(starts),
                **self.timespans(starts),
            )
            return self.decided(out), state

    def threads_for(self, observations: Array) -> int:
        """Threads of torch during a step that sees these."""
        return self.threads or (1 if observations.ndim <= 2 else torch.get_num_threads())

    def decided(self, out: torch.Tensor) -> Array:
        """The actions of the module's outputs `(..., A)`."""
        actions: Array = self._decide(out).cpu().numpy()
        if isinstance(self.action_space, gym.spaces.Discrete):
            # The largest of numbers that are none is no decision: it must fail, not play.
            actions[~torch.isfinite(out).all(-1).cpu().numpy()] = NO_ACTION
        return actions

    def state_arrays(self, state: Any) -> StateArrays:
        """The state as arrays `(N, H)`, or `(N, layers, H)` of several: `h`, and `c` of an LSTM.

        Parts have torch's layout, `(layers, N, H)`; a module with another one has a method
        `state_arrays(state)` of its own.
        """
        if hasattr(self.module, "state_arrays"):
            offered: StateArrays = self.module.state_arrays(state)
            return offered
        parts = () if state is None else state if isinstance(state, tuple) else (state,)
        arrays = (part.detach().movedim(1, 0).cpu().numpy() for part in parts)
        return {
            name: array[:, 0] if array.shape[1] == 1 else array
            for name, array in zip(state_names(len(parts)), arrays, strict=True)
        }

    def timespans(self, starts: NDArray[np.bool_]) -> dict[str, torch.Tensor]:
        """How long each step lasts: all of a closed loop the same, the first of an episode too."""
        if self.timespan is None:
            return {}
        return {"timespans": self.tensor(np.full(len(starts), self.timespan))}

    def _decide(self, out: torch.Tensor) -> torch.Tensor:
        if hasattr(self.module, "decide"):
            decided: torch.Tensor = self.module.decide(out)
            return decided
        if isinstance(self.action_space, gym.spaces.Discrete):
            return out.argmax(-1) + int(self.action_space.start)
        return out

    def tensor(self, array: Array) -> torch.Tensor:
        """Floats in the module's precision; bytes and flags as they are."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.device, self._dtype if tensor.is_floating_point() else tensor.dtype)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Use this many threads of torch for a while."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Without dropout and the like, and afterwards as it was."""
    if not module.training:
        yield
        return
    module.eval()
    try:
        yield
    finally:
        module.train()
