"""Uneven time: from the clock of an episode to the windows, in seconds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lrs_lightning.data import Windows
from lrs_lightning.data.timespans import time_unit_of, timespans_of
from tests.data.toys import episode


def at(*seconds: float):
    return replace(episode(len(seconds)), time=np.array(seconds))


@pytest.mark.parametrize(
    ("episodes", "unit"),
    [
        ([], None),
        ([episode(5)], None),
        ([at(3.0)], None),
        ([at(0, 1, 2, 3), at(7, 8, 9)], None),
        ([at(0, 0.02, 0.04001, 0.06)], None),  # a clock that rounds
        ([at(0, 1, 3, 4)], 1.0),
        ([episode(5), at(1.7e9, 1.7e9 + 0.5, 1.7e9 + 2)], 1.0),
    ],
)
def test_the_unit_is_the_usual_interval_where_steps_are_uneven(episodes, unit):
    assert time_unit_of(iter(episodes)) == pytest.approx(unit)


def test_a_step_has_waited_since_the_one_before(tmp_path):
    episodes = [at(10, 12, 13, 17), episode(2), replace(at(5, 6), time=np.array([5.0, 6.5, 9]))]
    spans = timespans_of(episodes, 2.0)
    assert spans.tolist() == [2, 2, 1, 4, 2, 2, 2, 1.5] and spans.dtype == torch.float32


def test_windows_carry_the_times_of_their_steps():
    windows = Windows([at(0, 1, 3, 4, 9), at(0, 2, 3)], length=3, burn_in=1, time_unit=1.0)
    batch = windows[np.array([0, 2, 5])]
    assert batch.timespans.tolist() == [[1, 1, 2], [2, 1, 5], [1, 2, 1]]
    assert Windows([at(0, 1, 3)], 2, 0)[np.array([0])].timespans is None
