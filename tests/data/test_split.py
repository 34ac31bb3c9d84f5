"""Held out are the episodes that the store names, else some in even steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lrs_lightning.data import Origin, split_episodes, write_store
from lrs_lightning.data.split import evenly
from lrs_lightning.errors import ArgumentError
from tests.data.toys import TASK, episode


def store(folder, held_out=(), count=10):
    made = [
        replace(episode(3, seed=i), origin=Origin(held_out=i in held_out)) for i in range(count)
    ]
    return write_store(folder, TASK, made, {})


def numbers(episodes):
    return [int(e.observations.min()) for e in episodes]


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.01, [5]), (0.1, [5]), (0.2, [2, 7]), (0.5, [1, 3, 5, 7, 9])]
)
def test_in_even_steps_along_the_store(tmp_path, fraction, expected):
    train, val = split_episodes(store(tmp_path / "s"), fraction)
    assert numbers(val) == expected
    assert numbers(train) == [i for i in range(10) if i not in expected]


def test_whoever_made_the_store_decides(tmp_path):
    train, val = split_episodes(store(tmp_path / "s", held_out=(0, 9)), 0.5)
    assert numbers(val) == [0, 9] and numbers(train) == list(range(1, 9))


def test_something_must_be_left_to_train_on(tmp_path):
    with pytest.raises(ArgumentError, match=r"1 episode\(s\) and 1 would be held out"):
        split_episodes(store(tmp_path / "one", count=1), 0.1)
    with pytest.raises(ArgumentError, match=r"2 episode\(s\) and 2 would be held out"):
        split_episodes(store(tmp_path / "all", held_out=(0, 1), count=2), 0.1)


def with_copies(folder, numbers, held_out=()):
    """Episode i is the same as every other of the same number."""
    made = [
        replace(episode(3, seed=number), origin=Origin(held_out=i in held_out))
        for i, number in enumerate(numbers)
    ]
    return write_store(folder, TASK, made, {})


@pytest.mark.parametrize("schema", [2, 3])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5])
def test_copies_are_on_one_side(tmp_path, fraction, schema):
    store = with_copies(tmp_path / "s", [0, 1, 2, 1, 3, 0, 1, 4, 5, 0])
    if schema == 2:  # which has no digests
        store.manifest["digests"] = [None] * len(store)
    train, val = split_episodes(store, fraction)
    assert val and train and not set(numbers(train)) & set(numbers(val))
    assert sorted(numbers(train) + numbers(val)) == [0, 0, 0, 1, 1, 1, 2, 3, 4, 5]


def test_a_copy_of_what_was_held_out_is_not_trained_on(tmp_path):
    train, val = split_episodes(with_copies(tmp_path / "s", [0, 1, 0, 2], held_out=(2,)), 0.1)
    assert numbers(train) == [1, 2] and numbers(val) == [0, 0]
    with pytest.raises(ArgumentError, match="of which not all are copies of one"):
        split_episodes(with_copies(tmp_path / "t", [0, 0, 0]), 0.1)


@pytest.mark.parametrize("count", range(1, 30))
def test_even_steps_are_distinct_and_inside(count):
    for chosen in range(1, count + 1):
        found = evenly(count, chosen)
        assert len(set(found)) == chosen and min(found) >= 0 and max(found) < count
