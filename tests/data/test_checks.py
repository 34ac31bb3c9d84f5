"""What is not an episode of the task is told by array, step and channel, before it is stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lrs_lightning.data import Task, write_store
from lrs_lightning.data.checks import check_episode
from lrs_lightning.errors import DataError
from tests.data.toys import DISCRETE, TASK, episode

PIXELS = Task("Pixels-v0", (4, 8, 8), "uint8", actions=3)


def with_value(shape, place, value):
    values = np.zeros(shape, np.float32)
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"observations": np.zeros((9, 3))}, "has 9 observations and 10 actions"),
        ({"observations": np.zeros((11, 3))}, "has 11 observations and 10 actions"),
        ({"labels": np.zeros((9, 2))}, "has 10 observations and 9 labels"),
        ({"rewards": np.zeros(11)}, "has 10 observations and 11 rewards"),
        ({"observations": np.zeros((10, 4))}, r"observations have shape \(10, 4\), expected"),
        ({"actions": np.zeros((10, 3))}, r"actions have shape \(10, 3\), expected \('L', 2\)"),
        ({"labels": np.zeros(10)}, r"labels have shape \(10,\), expected"),
        ({"rewards": np.zeros((10, 1))}, r"rewards have shape \(10, 1\), expected"),
        (
            {"observations": with_value((10, 3), (4, 2), np.inf)},
            r"observations at step 4, channel 2 \(inf\) is not finite",
        ),
        ({"labels": with_value((10, 2), (7, 1), np.nan)}, "labels at step 7, channel 1"),
        ({"rewards": with_value(10, 3, np.nan)}, r"rewards at step 3 \(nan\) is not finite"),
        ({"labels": with_value((10, 2), (5, 0), 3.0)}, r"step 5, channel 0 \(3\) is out of the b"),
        ({"actions": with_value((10, 2), (0, 1), -2.1)}, r"step 0, channel 1 \(-2.1\) is out"),
        ({"labels": np.full((10, 2), "up")}, "labels are of type <U2, expected numbers"),
    ],
)
def test_what_is_no_episode_of_a_box(arrays, sentence, tmp_path):
    bad = episode(**arrays)
    with pytest.raises(DataError, match=f"here.*{sentence}"):
        check_episode(bad, TASK, "here")
    with pytest.raises(DataError, match=f"episode 1.*{sentence}"):
        write_store(tmp_path / "s", TASK, [episode(), bad], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.full(10, 4), r"labels at step 0 \(4\) is no action: expected 0 to 3"),
        (np.full(10, -1), r"labels at step 0 \(-1\) is no action"),
        (np.eye(4)[np.zeros(10, int)], r"labels are one-hot.*take argmax\(axis=1\)"),
        (np.zeros((10, 1), int), r"labels have shape \(10, 1\)"),
        (np.zeros(10), "labels are of type float64, expected the numbers of actions, 0 to 3"),
    ],
)
def test_what_is_no_discrete_action(labels, sentence):
    with pytest.raises(DataError, match=sentence):
        check_episode(episode(actions=np.zeros(10, int), labels=labels), DISCRETE, "here")


@pytest.mark.parametrize(
    "frames",
    [np.zeros((10, 3, 8, 8), np.uint8), np.zeros((10, 1, 8, 8)), np.zeros((10, 1, 9, 8), np.uint8)],
)
def test_what_is_no_frame(frames):
    actions = np.zeros(10, int)
    with pytest.raises(DataError, match=r"expected uint8 frames \('L', 1, 8, 8\), each frame once"):
        check_episode(episode(observations=frames, actions=actions, labels=actions), PIXELS, "here")


def test_observations_may_be_kept_as_they_were_seen():
    actions, frames = np.zeros(10, int), np.zeros((10, 4, 8, 8), np.uint8)
    whole = episode(observations=frames, actions=actions, labels=actions, final=frames[:1])
    check_episode(whole, PIXELS, "here")
    with pytest.raises(DataError, match=r"final observation has shape .*expected.*\(1, 4, 8, 8\)$"):
        check_episode(replace(whole, final=frames[:1, :1]), PIXELS, "here")


def test_discrete_actions_may_begin_anywhere():
    task, labels = replace(DISCRETE, action_start=5), np.arange(5, 9)
    check_episode(episode(4, actions=labels, labels=labels), task, "here")
    for wrong in (4, 9):
        bad = np.full(4, wrong)
        with pytest.raises(DataError, match=rf"\({wrong}\) is no action: expected 5 to 8"):
            check_episode(episode(4, actions=bad, labels=bad), task, "here")


def test_a_vector_of_bytes_is_no_picture():
    task = Task("Ram-v0", (3,), "uint8", actions=2)
    actions, bytes_ = np.zeros(10, int), np.ones((10, 3), np.uint8)
    check_episode(episode(observations=bytes_, actions=actions, labels=actions), task, "here")


def test_an_episode_without_a_step():
    with pytest.raises(DataError, match="here has no steps"):
        check_episode(episode(0), TASK, "here")


def test_a_rounding_beyond_the_bounds_is_no_fault():
    edge = np.tile(np.array(TASK.action_high) * (1 + 1e-7), (10, 1))
    check_episode(episode(actions=edge, labels=edge), TASK, "here")
