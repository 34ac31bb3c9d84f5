"""Jacobians along uneven time are those of the layer itself, told how long each step lasted."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.analysis.uneven import jacobians_at
from lrs_lightning.nn import LRSCfC

T, N, INPUTS, UNITS = 7, 2, 3, 4


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("how", [{}, {"gate": "removed"}, {"mode": "pure"}, {"mode": "no_gate"}])
def test_each_step_lasts_what_it_lasted(layers, batch_first, how):
    torch.manual_seed(0)
    how = {"num_layers": layers, "batch_first": batch_first, **how}
    layer = LRSCfC(INPUTS, UNITS, dtype=torch.float64, **how)
    features = torch.randn(T, N, INPUTS, dtype=torch.float64)
    spans = torch.rand(T, N, dtype=torch.float64) * 3 + 0.1
    found = jacobians_at(layer, features, spans, [0, 2, 6])
    assert found.shape == (3, N, layers * UNITS, layers * UNITS)

    def state_after(state, t, n):  # (S,) -> (S,)
        h = state.view(layers, 1, UNITS)
        one, wait = features[t, n].view(1, 1, -1), spans[t, n].view(1, 1)
        return layer(one, h, timespans=wait)[1].flatten()

    for row, t in enumerate((0, 2, 6)):
        for n in range(N):
            state = torch.zeros(layers * UNITS, dtype=torch.float64)
            for past in range(t):
                state = state_after(state, past, n).detach()
            exact = torch.autograd.functional.jacobian(
                lambda z, t=t, n=n: state_after(z, t, n), state
            )
            torch.testing.assert_close(found[row, n], exact, rtol=0, atol=1e-10)


def test_even_time_is_the_recurrence():
    torch.manual_seed(0)
    layer = LRSCfC(INPUTS, UNITS, dtype=torch.float64)
    features = torch.randn(T, N, INPUTS, dtype=torch.float64)
    recurrence = Recurrence.of(layer, timespan=2.0)
    expected = recurrence.jacobians(recurrence.replay(features))[[1, 4]]
    found = jacobians_at(layer, features, torch.full((T, N), 2.0), [1, 4])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
