"""Products of Jacobians against what a disturbed state really does."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.analysis.memory import memory_curves, span, starts
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSCfC


@pytest.mark.parametrize("layer_class", [LRSCfC, LRSLSTM, LRSGRU])
def test_products_are_the_derivatives_of_later_states_and_actions(layer_class):
    recurrence = Recurrence.of(layer_class(3, 6))
    features = torch.randn(20, 2, 3, dtype=torch.float64)
    replay, head = recurrence.replay(features), torch.randn(2, 6, dtype=torch.float64)
    curves = memory_curves(recurrence, replay, 5, 8, head)
    for n in range(2):

        def later(z, n=n):
            for t in range(5, 13):
                z = recurrence.step(features[t, n], z)
            return z

        product = torch.autograd.functional.jacobian(later, replay.before[0][5, n])
        expected = torch.linalg.matrix_norm(product, 2)
        torch.testing.assert_close(curves["state"][n, 8], expected, rtol=1e-9, atol=0)
        reached = torch.linalg.matrix_norm(head @ product[recurrence.output], 2)
        torch.testing.assert_close(curves["action"][n, 8], reached, rtol=1e-9, atol=0)
    assert curves["state"][:, 0].tolist() == pytest.approx([1, 1])


def test_a_span_is_the_first_lag_below_a_share():
    curve = torch.tensor([[1.0, 0.5, 0.2, 0.05, 0.2], [2.0, 2.0, 2.0, 2.0, 0.3]])
    assert span(curve).tolist() == [3, 5]
    assert span(curve, 0.5).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("steps", "lags", "burn_in", "most", "expected"),
    [
        (100, 40, 50, 9, [50]),
        (1000, 40, 50, 3, [50, 505, 960]),
        (80, 40, 50, 9, []),
        (90, 40, 50, 9, [50]),
    ],
)
def test_starts_lie_between_the_burn_in_and_the_end(steps, lags, burn_in, most, expected):
    assert starts(steps, lags, burn_in, most) == expected
