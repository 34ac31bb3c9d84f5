"""Windows through a policy, whether they hold observations or features that are stored."""

from __future__ import annotations

from torch import Tensor

from lrs_lightning.nn import RecurrentPolicy


def holds_features(policy: RecurrentPolicy, seen: Tensor) -> bool:
    """Whether windows hold stored features `(B, T, F)`, where the policy sees pictures."""
    return seen.dim() == 3 and len(policy.encoder.observation_shape) > 1


def unroll_windows(
    policy: RecurrentPolicy, seen: Tensor, timespans: Tensor | None = None
) -> Tensor:
    """Actions or logits `(B, T, A)` of windows.

    Args:
        policy: that is trained.
        seen: raw observations `(B, T, *observation)`, or stored features `(B, T, F)`.
        timespans: in the policy's own unit, `(B, T)`; see `RecurrentPolicy.unroll`.
    """
    unroll = policy.unroll_features if holds_features(policy, seen) else policy.unroll
    return unroll(seen, timespans=timespans)[0]
