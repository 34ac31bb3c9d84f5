"""`write_episodes`: arrays of one's own become a store, or one sentence says why not."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.data import (
    DataWarning,
    DemonstrationStore,
    Ending,
    append_episodes,
    write_episodes,
)
from lrs_lightning.errors import ArgumentError, DataError

BOX = gym.spaces.Box(-1.0, 1.0, (2,))
SEEN = gym.spaces.Box(-np.inf, np.inf, (3,))
FOUR = gym.spaces.Discrete(4)
STARTS_AT_2 = gym.spaces.Discrete(4, start=2)


def recorded(seed: int = 0, steps: int = 12, more: int = 0, **arrays: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    made = {
        "observations": rng.normal(size=(steps + more, 3)),
        "actions": rng.uniform(-1, 1, (steps, 2)),
        "rewards": rng.normal(size=steps),
    }
    return {k: v for k, v in (made | arrays).items() if v is not None}


def discrete(numbers: Any, **arrays: Any) -> dict[str, Any]:
    return recorded(steps=len(numbers), actions=numbers, **arrays)


def changed(values: Any, place: Any, value: float) -> Any:
    values = np.array(values, float)
    values[place] = value
    return values


def test_observations_of_t_and_of_t_plus_1_are_aligned(tmp_path):
    store = write_episodes(tmp_path / "s", (recorded(i, more=i) for i in range(2)))
    first, second = store[0], store[1]
    assert first.final is None and second.final.shape == (1, 3)
    for episode, given in ((first, recorded(0)), (second, recorded(1, more=1))):
        np.testing.assert_array_equal(
            episode.observations, np.float32(given["observations"])[: len(episode)]
        )
        np.testing.assert_array_equal(episode.actions, np.float32(given["actions"]))
        np.testing.assert_array_equal(episode.labels, episode.actions)
    np.testing.assert_array_equal(
        second.final, np.float32(recorded(1, more=1)["observations"])[-1:]
    )


def test_everything_that_was_recorded_is_kept(tmp_path):
    given = recorded(
        more=1,
        labels=np.full((12, 2), 0.25),
        terminated=[False] * 11 + [True],
        truncated=False,
        success=[False, True] + [False] * 10,
        time=1.7e9 + np.cumsum(np.full(13, 0.01)),
        infos={"reward": {"forward": np.arange(12.0)}, "step": np.arange(13)},
        origin={"actor": "me", "seed": 5},
    )
    store = write_episodes(tmp_path / "s", [given], action_space=BOX, exact=True)
    (ending,) = store.endings
    assert ending == store[0].ending == Ending(terminated=True, truncated=False, success=True)
    assert (store.origins[0].actor, store.origins[0].seed) == ("me", 5)
    exact = store.exact(0)
    np.testing.assert_array_equal(exact.observations, given["observations"][:-1])
    np.testing.assert_array_equal(exact.time, given["time"])  # to the last bit of a double
    np.testing.assert_array_equal(exact.infos["reward/forward"], np.arange(12.0))
    np.testing.assert_array_equal(exact.infos["step"], np.arange(13))
    assert store[0].observations.dtype == np.float32 and store[0].time.dtype == np.float64
    assert not store[0].infos and exact.observations.dtype == np.float64
    grown = append_episodes(tmp_path / "s", [exact])
    assert grown.endings == [ending, ending] and grown.digest(0) != grown.digest(1)


def test_without_a_simulator_the_spaces_are_read_off_or_given(tmp_path):
    store = write_episodes(tmp_path / "a", [recorded()])
    assert store.task.env == "none" and store.task.observation_shape == (3,)
    assert store.task.action_low == (-np.inf, -np.inf)
    named = write_episodes(tmp_path / "b", [recorded()], "MyRobot-v0", SEEN, BOX)
    assert named.task.env == "MyRobot-v0" and named.task.action_high == (1.0, 1.0)
    assert DemonstrationStore(tmp_path / "b").task == named.task


def test_the_spaces_of_an_environment_are_used(tmp_path):
    episode = {"observations": np.zeros((6, 4)), "actions": np.ones(5, int)}
    store = write_episodes(tmp_path / "s", [episode], "CartPole-v1")
    assert store.task.actions == 2 and store.task.env == "CartPole-v1"
    with pytest.raises(DataError, match=r"episode 0: actions at step 0 \(2\) is no action"):
        write_episodes(tmp_path / "t", [episode | {"actions": np.full(5, 2)}], "CartPole-v1")


def test_a_channel_of_one_needs_no_second_axis(tmp_path):
    episode = {"observations": np.arange(6.0), "actions": np.zeros((5, 1), int)}
    store = write_episodes(tmp_path / "s", [episode], action_space=FOUR)
    assert store[0].observations.shape == (5, 1) and store[0].labels.shape == (5,)


NAN, INF = float("nan"), float("inf")
WRONG = [
    (recorded(observations=np.zeros((11, 3))), BOX, "11 observations and 12 actions: expected 12,"),
    (recorded(observations=np.zeros((14, 3))), BOX, "14 observations and 12 actions: expected 12,"),
    (recorded(observations=changed(np.zeros((12, 3)), (4, 1), INF)), BOX,
     r"observations at step 4, channel 1 \(inf\) is not finite"),
    (recorded(observations=changed(np.zeros((13, 3)), (12, 1), NAN)), BOX,
     r"the final observation at step 0, channel 1 \(nan\) is not finite"),
    (recorded(labels=changed(np.zeros((12, 2)), (3, 0), NAN)), BOX, "labels at step 3, channel 0"),
    (recorded(labels=np.full((12, 2), 3.0)), BOX, r"labels at step 0, channel 0 \(3\) is out of"),
    (recorded(labels=np.zeros((11, 2))), BOX, "12 observations and 11 labels"),
    (recorded(rewards=changed(np.zeros(12), 7, NAN)), BOX, r"rewards at step 7 \(nan\)"),
    (recorded(rewards=np.zeros(13)), BOX, "12 observations and 13 rewards"),
    (recorded(observations=[[1.0], [1.0, 2.0]]), BOX, "observations are no array"),
    (recorded(observations=3.0), BOX, "observations are a single value"),
    (recorded(observations=np.array(["a"] * 12)), BOX, "observations are of type"),
    (recorded(steps=0), BOX, "has no steps: leave it out"),
    (recorded(actions=None), BOX, "has no actions"),
    (recorded(action=3), BOX, "an entry 'action': did you mean 'actions'"),
    (recorded(terminated=[True] + [False] * 11), BOX, "terminated at step 0 of 12: split it"),
    (recorded(truncated=[False] * 11), BOX, "12 actions and 11 flags 'truncated'"),
    (recorded(time=np.zeros(12)), BOX, r"the time at step 1 \(0\) is not after the one before"),
    (recorded(time=np.arange(11)), BOX, "12 observations and 11 times"),
    (recorded(infos={"a": np.zeros(3)}), BOX, r"info 'a' has shape \(3,\), expected one entry"),
    (recorded(infos={"a": np.array(["x"] * 12)}), BOX, "info 'a' is of type"),
    (discrete(np.eye(4)[[0, 1, 2]]), FOUR, r"actions are one-hot.*take argmax\(axis=1\)"),
    (discrete(np.eye(4)[[0, 1]]), STARTS_AT_2, r"take argmax\(axis=1\) \+ 2"),
    (discrete([1, 4, 2]), FOUR, "counted from one more: subtract 1"),
    (discrete([0, 3, 2]), STARTS_AT_2, "counted from 0: add 2"),
    (discrete([0, 7, 2]), FOUR, r"actions at step 1 \(7\) is no action: expected 0 to 3$"),
    (discrete([0.0, 1.0]), FOUR, "actions are of type float64, expected the numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("episode", "actions", "sentence"), WRONG)
def test_what_cannot_be_trained_on_is_named_and_nothing_is_written(
    tmp_path, episode, actions, sentence
):
    with pytest.raises(DataError, match=f"^episode 0.*{sentence}") as refused:
        write_episodes(tmp_path / "s", [episode], None, SEEN, actions)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_the_episode_at_fault_is_named_by_its_number(tmp_path):
    episodes = [recorded(0), recorded(1, observations=np.zeros((12, 4)))]
    with pytest.raises(DataError, match=r"episode 1: observations have shape \(12, 4\)"):
        write_episodes(tmp_path / "s", episodes)
    with pytest.raises(DataError, match="episode 1 is a list: give a mapping"):
        write_episodes(tmp_path / "s", [recorded(0), [1]])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("episodes", "spaces", "sentence"),
    [
        ([discrete([0, 1])], {}, "say how many there are, e.g. action_space="),
        ([], {}, "no episodes to store"),
        ([recorded(observations=np.zeros((12, 3, 8, 8)))], {}, "say by observation_space"),
        ([recorded()], {"check": "warn"}, "check is 'warn', expected"),
    ],
)
def test_what_nobody_could_guess_is_asked_for(tmp_path, episodes, spaces, sentence):
    with pytest.raises((ArgumentError, DataError), match=sentence):
        write_episodes(tmp_path / "s", episodes, **spaces)
    assert not list(tmp_path.iterdir())


def test_what_looks_wrong_is_warned_of_or_refused(tmp_path):
    twice = [recorded(0), recorded(0), recorded(1)]
    with pytest.warns(DataWarning, match=r"duplicate \(episode 0 = 1\)"):
        store = write_episodes(tmp_path / "s", twice)
    assert len(store) == 3
    with pytest.raises(DataError, match="duplicate"):
        write_episodes(tmp_path / "t", twice, check="strict")
    assert not (tmp_path / "t").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_episodes(tmp_path / "u", [recorded(i) for i in range(3)], check="strict")


def test_frames_are_kept_once_each(tmp_path):
    space = gym.spaces.Box(0, 255, (4, 8, 8), np.uint8)
    frames = np.random.default_rng(0).integers(0, 255, (6, 8, 8), np.uint8)
    episode = {"observations": frames, "actions": np.zeros(5, int)}
    store = write_episodes(tmp_path / "s", [episode], None, space, FOUR)
    np.testing.assert_array_equal(np.asarray(store[0].observations)[:, 0], frames[:5])
    np.testing.assert_array_equal(np.asarray(store[0].final)[:, 0], frames[5:])
    for other, words in (
        (frames[:, None, :, :].repeat(2, 1), "each frame once"),
        (np.zeros((6, 1, 8, 9), np.uint8), "each frame once"),
    ):
        with pytest.raises(DataError, match=words):
            write_episodes(tmp_path / "t", [episode | {"observations": other}], None, space, FOUR)
    wide = gym.spaces.Box(0, 255, (4, 8, 6), np.uint8)
    with pytest.raises(DataError, match="height and width are exchanged"):
        turned = np.zeros((6, 1, 6, 8), np.uint8)
        write_episodes(tmp_path / "t", [episode | {"observations": turned}], None, wide, FOUR)
