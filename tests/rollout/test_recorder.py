from __future__ import annotations

import numpy as np

from lrs_lightning.rollout.decisions import Decided
from lrs_lightning.rollout.recorder import Recorder


def batch(t, rows=2):
    parts = [np.full((rows, 1), 10 * part + t) for part in range(3)]
    observations, actions, wanted = parts
    return observations, actions, Decided(wanted, wanted, {}), np.full(rows, float(t))


def test_a_trajectory_is_the_steps_since_its_beginning():
    recorder = Recorder(2)
    recorder.begin(np.array([0, 1]))
    for t in range(5):
        if t == 3:
            recorder.begin(np.array([1]))
        recorder.append(*batch(t), np.ones(2, bool))
    whole, late = recorder.trajectory(0, 5), recorder.trajectory(1, 2)
    assert whole.observations.ravel().tolist() == [0, 1, 2, 3, 4]
    assert late.actions.ravel().tolist() == [13, 14]
    assert late.labels.ravel().tolist() == [23, 24]
    assert late.rewards.tolist() == [3, 4]


def test_steps_that_no_episode_needs_are_forgotten():
    recorder, running = Recorder(2), np.array([True, True])
    recorder.begin(np.array([0, 1]))
    for t in range(100):
        recorder.append(*batch(t), np.ones(2, bool))
        recorder.begin(np.array([t % 2]))
        recorder.forget(running)
        assert len(recorder._batches) <= 2
    recorder.append(*batch(100), np.ones(2, bool))
    assert recorder.trajectory(0, 2).rewards.tolist() == [99, 100]
    recorder.forget(np.array([False, False]))
    assert not recorder._batches
