from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts import Schedule

T = np.arange(12)


@pytest.mark.parametrize(
    ("schedule", "levels"),
    [
        (Schedule(), [1] * 12),
        (Schedule(onset=3), [0] * 3 + [1] * 9),
        (Schedule(ramp=3), [0.25, 0.5, 0.75, *[1] * 9]),
        (Schedule(onset=2, ramp=1), [0, 0, 0.5, *[1] * 9]),
        (Schedule(period=4), [1, 1, 0, 0] * 3),
        (Schedule(period=4, duty=0.25), [1, 0, 0, 0] * 3),
        (Schedule(period=4, duty=1), [1] * 12),
        (Schedule(onset=2, period=5, duty=0.4), [0, 0, *[1, 1, 0, 0, 0] * 2]),
        (Schedule(onset=1, ramp=1, period=3, duty=0.67), [0, 0.5, 1, 1, *[1] * 8]),
    ],
)
def test_levels(schedule, levels):
    np.testing.assert_allclose(schedule.level(T), levels)
    assert schedule.constant == (set(levels) == {1})


def test_a_level_is_a_function_of_the_step_alone():
    schedule, order = Schedule(onset=3, ramp=4, period=7), np.array([11, 0, 5, 5, 3])
    np.testing.assert_array_equal(schedule.level(order), schedule.level(T)[order])


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"onset": -1}, "onset: -1"),
        ({"ramp": 1.5}, "ramp: 1.5"),
        ({"period": "x"}, "period: 'x'"),
        ({"duty": 0}, "duty: 0"),
        ({"duty": 1.1}, "duty: 1.1"),
    ],
)
def test_bad_input_gets_one_sentence(kwargs, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        Schedule(**kwargs)
