"""The policy: encoder, core and head, for windows of training and for the closed loop alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.nn import _checks
from lrs_lightning.nn.config import PolicyConfig
from lrs_lightning.nn.core import Core
from lrs_lightning.nn.encoders.base import Encoder
from lrs_lightning.nn.heads import Head

PolicyState = Tensor | tuple[Tensor, ...]


class RecurrentPolicy(nn.Module):
    """A policy that remembers: raw observations in, actions (`Box`) or logits (`Discrete`) out.

    `unroll` and `step` are the same function of the same weights: a window equals its steps.

    Args:
        encoder: observation to features; holds the normalisation.
        core: a layer that takes `(T, B, I)` and a state.
        head: core output to actions or logits.
        config: what the policy was built from.

    Example:
        >>> from gymnasium.spaces import Box
        >>> from lrs_lightning.nn import build_policy
        >>> policy = build_policy({"core": "cfc"}, Box(-1, 1, (17,)), Box(-1, 1, (6,)))
        >>> window = torch.randn(4, 10, 17)
        >>> actions, _ = policy.unroll(window)
        >>> state = policy.initial_state(4)
        >>> first, state = policy.step(window[:, 0], state)
        >>> torch.allclose(first, actions[:, 0], atol=1e-6)
        True
    """

    def __init__(
        self, encoder: Encoder, core: Core, head: Head, config: PolicyConfig | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.core, self.head, self.config = encoder, core, head, config

    def initial_state(self, batch: int) -> Any:
        """State of N fresh episodes: `(layers, N, H)`, for an LSTM the pair (h, c)."""
        _checks.positive("batch", batch)
        parameter = next(self.core.parameters())
        parts = self.core.initial_state(batch, parameter)
        return parts[0] if len(parts) == 1 else parts

    def unroll(
        self,
        observations: Tensor,
        state: PolicyState | None = None,
        resets: Tensor | None = None,
        timespans: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run over whole windows.

        Args:
            observations: raw, `(B, T, *observation)`.
            state: before the first step; zero by default.
            resets: bool `(B, T)`; the state is zeroed before a marked step.
            timespans: elapsed times `(B, T)`; one by default.

        Returns:
            Actions or logits `(B, T, A)`, and the state after the last step.
        """
        # Time comes first already here, where the tensors are smallest.
        x = self.encoder(observations.transpose(0, 1))  # (T, B, features)
        y, state = self.core(x, state, resets=_time_first(resets), timespans=_time_first(timespans))
        return self.head(y).transpose(0, 1), state

    def step(
        self,
        observations: Tensor,
        state: PolicyState | None = None,
        resets: Tensor | None = None,
        timespans: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run one step of N episodes.

        Args:
            observations: raw, `(N, *observation)`.
            state: after the previous step; zero by default.
            resets: bool `(N,)`; True where an episode begins with this observation.
            timespans: elapsed times `(N,)`; one by default.

        Returns:
            Actions or logits `(N, A)`, and the state after the step.
        """
        x = self.encoder(observations).unsqueeze(0)  # (1, N, features)
        y, state = self.core(
            x,
            state,
            resets=None if resets is None else resets.unsqueeze(0),
            timespans=None if timespans is None else timespans.unsqueeze(0),
        )
        return self.head(y.squeeze(0)), state

    def decide(self, outputs: Tensor) -> Tensor:
        """The action to take: the output itself, or the likeliest of logits."""
        return self.head.decide(outputs)

    @property
    def state_sizes(self) -> Sequence[int]:
        """Numbers of each part of the state, for one episode."""
        state = self.initial_state(1)
        parts = (state,) if isinstance(state, Tensor) else state
        return [part.numel() for part in parts]


def _time_first(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.transpose(0, 1)


def forget(state: Any, starts: Tensor) -> Any:
    """A state with the rows marked in `starts` (N,) zeroed."""
    if isinstance(state, Tensor):
        return state.masked_fill(starts.view(1, -1, 1), 0)
    return tuple(torch.as_tensor(forget(part, starts)) for part in state)
