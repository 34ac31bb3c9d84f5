"""Returns that a Q-network is fitted to: Peng's Q(lambda) along a short rollout.

Source: Gallici et al., "Simplifying deep temporal difference learning" (2024), section 3; the
return is Peng & Williams (1996).
"""

from __future__ import annotations

import torch
from torch import Tensor


def lambda_returns(
    rewards: Tensor, ends: Tensor, next_values: Tensor, gamma: float, lam: float
) -> Tensor:
    """`G_t = r_t + gamma (1 - d_t) (lam G_{t+1} + (1 - lam) max_a Q(s_{t+1}, a))`.

    Args:
        rewards: `(T, N)`.
        ends: `(T, N)` bool, d_t: nothing follows this step (the episode or a life ends).
        next_values: `(T, N)`, `max_a Q(s_{t+1}, a)`; the last row bootstraps the rollout.
        gamma: discount per decision.
        lam: 0 gives one-step targets, 1 the discounted return.

    Returns:
        `(T, N)`, in the dtype of `next_values`.
    """
    discount = gamma * (~ends)
    returns = torch.empty_like(next_values)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        following = rewards[t] + discount[t] * (lam * following + (1 - lam) * next_values[t])
        returns[t] = following
    return returns
