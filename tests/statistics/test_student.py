"""Student's t, against the figures of SciPy 1.17.1."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from lrs_lightning.statistics.student import Estimate, quantile, tail, two_sided

FIGURES = [  # freedom; ppf(0.975), sf(2.5), sf(-0.3)
    (1.0, 12.706204736174694, 0.12111894159084341, 0.5927735790777423),
    (2.0, 4.302652729749462, 0.06480586011075541, 0.6037571695799112),
    (3.7, 2.8675207071911895, 0.03591101145591339, 0.609866256434269),
    (5.0, 2.5705818356363146, 0.02724504967118813, 0.6118754788683627),
    (19.0, 2.0930240544083087, 0.01087020558419872, 0.6162826698303683),
    (1000.0, 1.9623390808264083, 0.0062892839005454036, 0.617880247916378),
]


@pytest.mark.parametrize(("freedom", "reach", "above", "below"), FIGURES)
def test_agrees_with_scipy(freedom: float, reach: float, above: float, below: float) -> None:
    assert quantile(0.975, freedom) == pytest.approx(reach, rel=1e-10)
    assert tail(2.5, freedom) == pytest.approx(above, rel=1e-10)
    assert tail(-0.3, freedom) == pytest.approx(below, rel=1e-10)
    assert two_sided(-2.5, freedom) == pytest.approx(2 * above, rel=1e-10)


def test_whole_arrays_keep_their_shape_and_order() -> None:
    freedom = np.array([[5.0, 1.0], [19.0, 5.0]])
    found = quantile(0.975, freedom)
    assert found.shape == (2, 2) and found[0, 0] == found[1, 1]
    np.testing.assert_allclose(found.ravel()[:3], [2.57058184, 12.70620474, 2.09302405], rtol=1e-8)
    assert quantile(0.975, 19.0).shape == () and tail(np.zeros((3, 1)), freedom[:1]).shape == (3, 2)


def test_at_the_ends() -> None:
    assert tail(0.0, 3.0) == pytest.approx(0.5)
    assert tail([math.inf, -math.inf], 3.0).tolist() == [0.0, 1.0]
    assert 0 < tail(1e8, 5.0) < 1e-35  # a tail far out keeps its digits
    normal = NormalDist()
    assert quantile(0.99, math.inf) == pytest.approx(normal.inv_cdf(0.99), abs=1e-6)
    assert tail(1.3, 1e30) == pytest.approx(1 - normal.cdf(1.3), abs=1e-7)
    assert np.isnan(tail([math.nan, 1.0], [1.0, math.nan])).all()
    assert np.isnan(quantile(0.975, [math.nan])).all()


def test_an_estimate_has_its_interval_and_its_p_value() -> None:
    found = Estimate(np.array([0.0, 3.0]), np.array([1.0, 0.5]), np.array([5.0, 2.0]))
    ends = [[-2.57058, 0.84867], [2.57058, 5.15133]]
    np.testing.assert_allclose(found.interval(), ends, rtol=1e-5)
    np.testing.assert_allclose(found.p_value(), [1.0, 1 - 6 / math.sqrt(38)], rtol=1e-12)
    wider = found.interval(0.99)
    assert (wider[0] < found.interval()[0]).all() and (wider[1] > found.interval()[1]).all()


def test_without_spread_an_estimate_is_a_point_and_without_an_error_it_is_nothing() -> None:
    value, error = np.array([0.0, 2.0, 2.0]), np.array([0.0, 0.0, math.nan])
    found = Estimate(value, error, np.array([math.nan, 4.0, math.nan]))
    np.testing.assert_array_equal(found.interval(), [[0, 2, math.nan]] * 2)
    np.testing.assert_array_equal(found.p_value(), [1, 0, math.nan])
