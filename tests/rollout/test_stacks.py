from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.rollout.decisions import Decided
from lrs_lightning.rollout.recorder import Recorder

pytestmark = pytest.mark.usefixtures("poisoned_empty")

STEPS, ROWS, DEPTH = 40, 3, 4


def stacks(frames, starts):
    """Stacks `(T, N, S, 8, 8)` that begin anew, zeros and one frame, at `starts (T, N)`."""
    shown = np.zeros((STEPS, ROWS, DEPTH, 8, 8), np.uint8)
    for t in range(STEPS):
        for row in range(ROWS):
            if not starts[t, row]:
                shown[t, row, :-1] = shown[t - 1, row, 1:]
            shown[t, row, -1] = frames[t, row]
    return shown


@pytest.fixture
def played():
    rng = np.random.default_rng(0)
    starts = rng.random((STEPS, ROWS)) < 0.15
    starts[0] = True
    return stacks(rng.integers(0, 256, (STEPS, ROWS, 8, 8)).astype(np.uint8), starts), starts


def record(shown, starts, running=None):
    """The recorder at the end, and for each slot its last start."""
    recorder = Recorder(ROWS)
    running = np.ones((STEPS, ROWS), bool) if running is None else running
    for t in range(STEPS):
        recorder.begin(np.flatnonzero(starts[t]))
        nothing = np.zeros(ROWS)
        recorder.append(
            shown[t].copy(), nothing, Decided(nothing, nothing, {}), nothing, running[t]
        )
    return recorder, [int(np.flatnonzero(starts[:, row])[-1]) for row in range(ROWS)]


def held(recorder):
    return sum(batch[0][0].nbytes for batch in recorder._batches)


def assert_whole(recorder, shown, begun):
    for row, start in enumerate(begun):
        seen = recorder.trajectory(row, STEPS - start).observations
        np.testing.assert_array_equal(seen, shown[start:, row])


def test_stacks_are_kept_once_a_frame_and_come_back_whole(played):
    shown, starts = played
    recorder, begun = record(shown, starts)
    assert_whole(recorder, shown, begun)
    assert held(recorder) * DEPTH == shown.nbytes


def test_a_stack_that_does_not_continue_is_kept_as_it_is(played):
    shown, starts = played
    shown[20, 1] = 7
    shown[30, 2, 0] += 1
    recorder, begun = record(shown, starts)
    assert_whole(recorder, shown, begun)


def test_resting_slots_do_not_matter(played):
    shown, starts = played
    running = np.ones((STEPS, ROWS), bool)
    starts[10:, 0] = False
    shown = stacks(shown[:, :, -1], starts)
    shown[10:, 0] = shown[9, 0]
    running[10:, 0] = False
    recorder, begun = record(shown, starts, running)
    assert held(recorder) * DEPTH == shown.nbytes
    for row in (1, 2):
        seen = recorder.trajectory(row, STEPS - begun[row]).observations
        np.testing.assert_array_equal(seen, shown[begun[row] :, row])


@pytest.mark.parametrize("shape", [(8, 8, 3), (5,), (1, 8, 8)])
def test_other_observations_come_back_as_they_are(shape, played):
    _, starts = played
    shown = np.random.default_rng(1).integers(0, 256, (STEPS, ROWS, *shape))
    shown = shown.astype(np.uint8 if len(shape) > 1 else np.float64)
    recorder, begun = record(shown, starts)
    assert_whole(recorder, shown, begun)
