from __future__ import annotations

import pytest
import torch

from lrs_lightning.expert_training.pqn_targets import lambda_returns


def explicit(rewards, ends, next_values, gamma, lam):
    """The lambda return as a mixture of n-step returns, written out."""
    steps = len(rewards)
    out = []
    for t in range(steps):
        n_step, horizon, reached = [], 0, False
        total, discount = 0.0, 1.0
        for k in range(t, steps):
            total += discount * rewards[k]
            discount *= gamma
            horizon += 1
            if ends[k]:
                n_step.append(total)
                reached = True
                break
            n_step.append(total + discount * next_values[k])
        mixed = sum((1 - lam) * lam**i * value for i, value in enumerate(n_step[:-1]))
        out.append(mixed + lam ** (horizon - 1) * n_step[-1])
        assert reached or horizon == steps - t
    return out


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.65, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_it_is_the_mixture_of_all_n_step_returns(steps, lam, poisoned_empty):
    generator = torch.Generator().manual_seed(steps)
    rewards = torch.randn(steps, 5, generator=generator, dtype=torch.float64)
    next_values = torch.randn(steps, 5, generator=generator, dtype=torch.float64)
    ends = torch.rand(steps, 5, generator=generator) < 0.3
    got = lambda_returns(rewards, ends, next_values, 0.9, lam)
    for n in range(5):
        columns = (x[:, n].tolist() for x in (rewards, ends, next_values))
        expected = torch.tensor(explicit(*columns, 0.9, lam), dtype=torch.float64)
        torch.testing.assert_close(got[:, n], expected)
