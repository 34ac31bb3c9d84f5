"""Memory: what is left of a difference k steps later, in the state and in the action.

`P_k = J_{t+k} ... J_{t+1}` is the derivative of a state by the one k steps before. Its spectral
norm says how much the strongest difference is still worth; with the head in front of it, how much
of it reaches the action. An LSTM may keep a difference for ever in c and never show it, so that
both are told.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_lightning.analysis.recurrence import Recurrence, Replay
from lrs_lightning.analysis.spectra import spectral_norm

LAGS = 40
"""Steps over which a product is followed; a span that is longer is told as longer."""


@torch.no_grad()
def memory_curves(
    recurrence: Recurrence, replay: Replay, start: int, lags: int, head: Tensor | None = None
) -> dict[str, Tensor]:
    """Norms of the products of Jacobians from one start on.

    Args:
        recurrence: the layers.
        replay: of N trajectories, with at least `start + lags` steps.
        start: first step of the product.
        lags: K.
        head: `(A, P)`, from the layers' output to the action (before its tanh) or to logits.

    Returns:
        `state`, and with a head `action`, each `(N, K + 1)`; not normalised: the state's first
        value is 1, the action's is the head's norm.
    """
    jacobians = recurrence.jacobians(replay[start : start + lags])  # (K, N, S, S)
    trajectories, size = jacobians.shape[1], recurrence.state_size
    product = torch.eye(size, dtype=jacobians.dtype).repeat(trajectories, 1, 1)
    probe = None if head is None else head.to(jacobians.dtype)
    state, action = [], []
    for k in range(lags + 1):
        state.append(spectral_norm(product))
        if probe is not None:
            action.append(spectral_norm(probe @ product[:, recurrence.output]))
        if k < lags:
            product = jacobians[k] @ product
    curves = {"state": torch.stack(state, -1)}
    return curves if probe is None else curves | {"action": torch.stack(action, -1)}


def span(curve: Tensor, share: float = 0.1) -> Tensor:
    """The first lag at which a curve has fallen below a share of its start.

    Args:
        curve: `(..., K + 1)`.
        share: of the value at lag 0.

    Returns:
        `(...)`; K + 1, "longer than was looked at", where it never has.
    """
    below = curve < share * curve[..., :1]
    first = below.to(torch.int8).argmax(-1)
    return torch.where(below.any(-1), first, curve.shape[-1])


def starts(steps: int, lags: int, burn_in: int, most: int) -> list[int]:
    """At most `most` starts, evenly spread, whose products lie within `steps` after a burn-in."""
    last = steps - lags
    if last < burn_in:
        return []
    count = max(1, min(most, (last - burn_in) // max(lags, 1) + 1))
    return [round(burn_in + i * (last - burn_in) / max(count - 1, 1)) for i in range(count)]
