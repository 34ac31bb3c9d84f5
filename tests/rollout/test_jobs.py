from __future__ import annotations

import pytest

from lrs_lightning.rollout.jobs import plan, share_slots
from lrs_lightning.shifts import Condition

CONDITIONS = [Condition("clean"), Condition("mass", 2)]


def test_every_policy_plays_every_condition_on_every_seed():
    jobs = plan(["a", "b"], CONDITIONS, [7, 8, 9], done=())
    assert {p: len(q) for p, q in jobs.items()} == {"a": 6, "b": 6}
    played = [(j.condition, j.episode, j.seed) for j in jobs["b"]]
    assert played == [(c, k, 7 + k) for c in (0, 1) for k in range(3)]


def test_what_is_done_is_left_out():
    done = {("a", "mass", 2, 1), ("a", "mass", 1, 0), ("b", "clean", 0, 0)}
    jobs = plan(["a", "b"], CONDITIONS, [7, 8], done)
    assert [(j.condition, j.episode) for j in jobs["a"]] == [(0, 0), (0, 1), (1, 0)]
    assert [(j.condition, j.episode) for j in jobs["b"]] == [(0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("counts", "slots", "shares"),
    [
        ((6, 6), 12, (6, 6)),
        ((6, 6), 4, (2, 2)),
        ((6, 6), 1, (1, 1)),
        ((9, 3), 4, (3, 1)),
        ((6, 0), 4, (4, 0)),
        ((1, 100), 50, (1, 49)),
        ((0, 0), 0, (0, 0)),
    ],
)
def test_slots_are_shared_in_proportion_and_each_policy_has_one(counts, slots, shares):
    queues = {str(k): range(count) for k, count in enumerate(counts)}
    if sum(counts):
        assert tuple(share_slots(queues, slots).values()) == shares
