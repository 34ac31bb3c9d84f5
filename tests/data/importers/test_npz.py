"""One's own arrays become a store, or one sentence says which file, episode, step and channel."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.errors import ArgumentError, DataError

ENV = "HalfCheetah-v5"


def arrays(steps=12, seed=0, **changes):
    rng = np.random.default_rng(seed)
    made = {
        "observations": rng.standard_normal((steps, 17)),
        "actions": rng.uniform(-1, 1, (steps, 6)),
        "rewards": rng.standard_normal(steps),
    } | changes
    return {name: value for name, value in made.items() if value is not None}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def read(source, **options):
    return import_demonstrations(source, source.parent / "out", "npz", ENV, options)


def test_a_file_is_an_episode(source):
    written = [arrays(5 + n, seed=n) for n in range(3)]
    for n, one in enumerate(written):
        np.savez(source / f"{n:02d}.npz", **one)
    store = read(source)
    assert store.task.env == ENV and store.manifest["format"] == "npz"
    assert [o.actor for o in store.origins] == [str(source / f"{n:02d}.npz") for n in range(3)]
    for got, want in zip(store, written, strict=True):
        for name in ("observations", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(got, name), want[name].astype(np.float32))
        np.testing.assert_array_equal(got.labels, got.actions)


def test_one_file_of_many_episodes(source):
    numbers = np.repeat([3, 1, 3, 3], [4, 5, 2, 6])  # the same number again, later: another episode
    np.savez_compressed(source / "all.npz", **arrays(17), number=numbers)
    store = read(source, episode="number")
    assert store.manifest["lengths"] == [4, 5, 8]
    together = np.concatenate([e.observations for e in store])
    np.testing.assert_array_equal(together, arrays(17)["observations"].astype(np.float32))


def test_a_last_observation_that_was_not_acted_on_is_left_out(source):
    np.savez(source / "a.npz", **arrays(observations=np.arange(13 * 17.0).reshape(13, 17)))
    (episode,) = read(source)
    assert len(episode) == 12 and episode.observations[-1, -1] == 12 * 17 - 1


def test_other_names_other_labels_and_no_rewards(source):
    labels = np.full((12, 6), 0.5)
    one = arrays(rewards=None)
    np.savez(source / "a.npz", obs=one["observations"], acted=one["actions"], wanted=labels)
    (episode,) = read(source, observations="obs", actions="acted", labels="wanted")
    np.testing.assert_array_equal(episode.labels, labels)
    np.testing.assert_array_equal(episode.actions, one["actions"].astype(np.float32))
    assert not episode.rewards.any()


def test_actions_beyond_the_bounds_are_an_error_or_clipped(source):
    actions = np.zeros((12, 6))
    actions[7, 4] = 1.5
    np.savez(source / "a.npz", **arrays(actions=actions))
    with pytest.raises(DataError, match=r"a.npz: actions at step 7, channel 4 \(1.5\) is out of"):
        read(source)
    (episode,) = read(source, outside="clip")
    assert episode.actions[7, 4] == 1 and episode.labels[7, 4] == 1
    with pytest.raises(ArgumentError, match="outside is 'ignore', expected 'error' or 'clip'"):
        read(source, outside="ignore")


def bad_episode():
    numbers = np.repeat([0, 1], 6)
    observations = np.zeros((12, 17))
    observations[8, 3] = np.nan
    return arrays(observations=observations, number=numbers)


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (
            bad_episode(),
            {"episode": "number"},
            r"b.npz, episode 1: .* at step 2, channel 3 \(nan\)",
        ),
        (bad_episode(), {}, r"b.npz: observations at step 8, channel 3 \(nan\) is not finite"),
        (arrays(actions=np.zeros((11, 6)), observations=np.zeros((13, 17))), {}, "13 observations"),
        (arrays(actions=None), {}, "b.npz has no array 'actions': expected observations and act"),
        (arrays(), {"labels": "wanted"}, "has no array 'wanted'"),
        (arrays(observations=np.zeros((12, 5))), {}, r"b.npz: observations have shape \(12, 5\)"),
        (arrays(number=np.zeros(5)), {"episode": "number"}, "number the episode of every step"),
        (arrays(rewards=np.float64(3)), {}, "array 'rewards' is a single value"),
    ],
)
def test_what_is_wrong_is_told_by_place_and_nothing_is_written(source, content, options, sentence):
    np.savez(source / "a.npz", **arrays(number=np.zeros(12)))
    np.savez(source / "b.npz", **content)
    with pytest.raises(DataError, match=sentence):
        read(source, **options)
    assert not (source.parent / "out").exists()


def test_nothing_in_a_file_is_run(source):
    np.savez(source / "a.npz", **arrays(actions=np.array([{"code": 1}] * 12, dtype=object)))
    with pytest.raises(DataError, match="cannot be read"):
        read(source)


def test_discrete_actions_in_a_column(source):
    rng = np.random.default_rng(0)
    np.savez(
        source / "a.npz",
        observations=rng.standard_normal((9, 4)),
        actions=rng.integers(0, 2, (9, 1)),
        rewards=np.ones(9),
    )
    store = import_demonstrations(source, source.parent / "out", env="CartPole-v1")
    assert store[0].labels.shape == (9,) and store.task.actions == 2
