"""The policy: encoder, core and head, for windows of training and for the closed loop alike."""

from __future__ import annotations

from typing import Any, Literal, overload

from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
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
        >>> import torch
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

    rows_apart = True

    def __init__(
        self, encoder: Encoder, core: Core, head: Head, config: PolicyConfig | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.core, self.head, self.config = encoder, core, head, config

    @property
    def knows_time(self) -> bool:
        """Whether the core reads `timespans`."""
        return bool(getattr(self.core, "knows_time", False))

    def initial_state(self, batch: int) -> Any:
        """State of N fresh episodes: `(layers, N, H)`, for an LSTM the pair (h, c)."""
        _checks.positive("batch", batch)
        parameter = next(self.head.parameters())  # a core may have none
        parts = self.core.initial_state(batch, parameter)
        return parts[0] if len(parts) == 1 else parts

    @overload
    def unroll(
        self,
        observations: Tensor,
        state: PolicyState | None = ...,
        resets: Tensor | None = ...,
        timespans: Tensor | None = ...,
        *,
        return_states: Literal[False] = ...,
    ) -> tuple[Tensor, Any]: ...

    @overload
    def unroll(
        self,
        observations: Tensor,
        state: PolicyState | None = ...,
        resets: Tensor | None = ...,
        timespans: Tensor | None = ...,
        *,
        return_states: Literal[True],
    ) -> tuple[Tensor, Any, Any]: ...

    def unroll(
        self,
        observations: Tensor,
        state: PolicyState | None = None,
        resets: Tensor | None = None,
        timespans: Tensor | None = None,
        *,
        return_states: bool = False,
    ) -> tuple[Any, ...]:
        """Run over whole windows.

        Args:
            observations: raw, `(B, T, *observation)`.
            state: before the first step; zero by default.
            resets: bool `(B, T)`; the state is zeroed before a marked step.
            timespans: elapsed times `(B, T)`; one by default.
            return_states: hand out the states after all steps too, which is slower for an LSTM.

        Returns:
            Actions or logits `(B, T, A)`, and the state after the last step. With `return_states`
            also those after every step, `(layers, B, T, H)`, for an LSTM the pair (h, c).

        Raises:
            ArgumentError: resets or timespans have another shape.
            EnvironmentMismatchError: the observations are those of another task.
        """
        self._check(observations, resets, timespans, "(B, T)")
        # Time comes first already here, where the tensors are smallest.
        x = self.encoder(observations.transpose(0, 1))  # (T, B, features)
        return self._unroll(x, state, resets, timespans, return_states)

    def unroll_features(
        self,
        features: Tensor,
        state: PolicyState | None = None,
        resets: Tensor | None = None,
        timespans: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run over whole windows whose features the encoder has computed before.

        Args:
            features: of a frozen encoder, `(B, T, features)`.
            state: as for `unroll`.
            resets: as for `unroll`.
            timespans: as for `unroll`.

        Returns:
            Actions or logits `(B, T, A)`, and the state after the last step.

        Raises:
            ArgumentError: there are other features, or resets or timespans have another shape.
        """
        self._check_features(features, resets, timespans, "(B, T)")
        y, state = self._unroll(features.transpose(0, 1), state, resets, timespans, False)
        return y, state

    def _unroll(
        self,
        x: Tensor,
        state: PolicyState | None,
        resets: Tensor | None,
        timespans: Tensor | None,
        return_states: bool,
    ) -> tuple[Any, ...]:
        """Features `(T, B, I)` to what `unroll` returns."""
        options = {"resets": _time_first(resets), "timespans": _time_first(timespans)}
        if not return_states:
            y, state = self.core(x, state, **options)
            return self.head(y).transpose(0, 1), state
        y, state, states = self.core.record(x, state, **options)
        return self.head(y).transpose(0, 1), state, _batch_second(states)

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

        Raises:
            ArgumentError: resets or timespans have another shape.
            EnvironmentMismatchError: the observations are those of another task.
        """
        self._check(observations, resets, timespans, "(N,)")
        return self._step(self.encoder(observations), state, resets, timespans)

    def step_features(
        self,
        features: Tensor,
        state: PolicyState | None = None,
        resets: Tensor | None = None,
        timespans: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run one step of N episodes whose features `(N, features)` the encoder has computed.

        Other arguments, results and errors are those of `step`.
        """
        self._check_features(features, resets, timespans, "(N,)")
        return self._step(features, state, resets, timespans)

    def _step(
        self,
        x: Tensor,
        state: PolicyState | None,
        resets: Tensor | None,
        timespans: Tensor | None,
    ) -> tuple[Tensor, Any]:
        y, state = self.core(
            x.unsqueeze(0),  # (1, N, features)
            state,
            resets=None if resets is None else resets.unsqueeze(0),
            timespans=None if timespans is None else timespans.unsqueeze(0),
        )
        return self.head(y.squeeze(0)), state

    def decide(self, outputs: Tensor) -> Tensor:
        """The action to take: the output itself, or the likeliest of logits."""
        return self.head.decide(outputs)

    def _check(
        self,
        observations: Tensor,
        resets: Tensor | None,
        timespans: Tensor | None,
        leading: Literal["(B, T)", "(N,)"],
    ) -> None:
        """Refuse shapes that do not fit, in the letters of the caller."""
        self.encoder.check(observations)
        axes = 2 if leading == "(B, T)" else 1
        own = len(self.encoder.observation_shape)
        if observations.dim() != axes + own:
            raise ArgumentError(
                f"observations have shape {tuple(observations.shape)}: expected {leading} and "
                f"then that of one observation, {tuple(self.encoder.observation_shape)}."
            )
        _check_leading(observations, resets, timespans, leading)

    def _check_features(
        self,
        features: Tensor,
        resets: Tensor | None,
        timespans: Tensor | None,
        leading: Literal["(B, T)", "(N,)"],
    ) -> None:
        axes = 2 if leading == "(B, T)" else 1
        if features.dim() != axes + 1 or features.shape[-1] != self.encoder.features:
            raise ArgumentError(
                f"features have shape {tuple(features.shape)}: expected {leading} and then the "
                f"{self.encoder.features} of the encoder."
            )
        _check_leading(features, resets, timespans, leading)


def _check_leading(
    seen: Tensor, resets: Tensor | None, timespans: Tensor | None, leading: str
) -> None:
    axes = 2 if leading == "(B, T)" else 1
    for name, part in (("resets", resets), ("timespans", timespans)):
        if part is not None:
            _checks.shape(name, part, seen.shape[:axes], leading)


def _time_first(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.transpose(0, 1)


def _batch_second(states: Any) -> Any:
    """States of all steps, `(layers, T, B, H)` -> `(layers, B, T, H)`."""
    if isinstance(states, Tensor):
        return states.transpose(1, 2)
    return tuple(part.transpose(1, 2) for part in states)
