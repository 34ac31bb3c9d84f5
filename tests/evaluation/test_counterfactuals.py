"""Beside each policy stand those whose gates read clean sensors, by names that say so."""

from __future__ import annotations

import gymnasium as gym
import pytest

from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.evaluation.counterfactuals import with_clean_gates
from lrs_lightning.evaluation.policies import Candidate
from lrs_lightning.nn import build_policy
from lrs_lightning.rollout import TorchPolicy
from tests.evaluation.toys import ENV_ID, Constant

BOX = gym.spaces.Box(-1, 1, (3,))


def student(name: str) -> Candidate:
    network = build_policy({"core": {"name": "cfc", "hidden_size": 8}}, BOX, BOX)
    return Candidate(name, TorchPolicy(network, BOX), {"cell": "cfc", "rank": 8}, ENV_ID)


def test_each_gate_is_one_more_candidate_that_differs_in_that_alone() -> None:
    one, other = student("one"), student("other")
    found = with_clean_gates([one, other], ["F", "G"])
    names = ["one", "one (F clean)", "one (G clean)"]
    assert [c.name for c in found] == [*names, *(n.replace("one", "other") for n in names)]
    assert found[0] is one and found[3] is other
    assert found[2].about == {"cell": "cfc", "rank": 8, "clean_gate": "G"}
    assert one.about == {"cell": "cfc", "rank": 8}
    assert found[2].env == ENV_ID
    assert found[2].policy.gates == ("G",) and found[2].policy.action_space == BOX


def test_without_gates_nothing_is_asked_of_a_policy() -> None:
    constant = Candidate("constant", Constant(1.0))
    assert with_clean_gates([constant], []) == [constant]
    with pytest.raises(ArgumentError, match="policy 'constant' has no gates"):
        with_clean_gates([constant], ["F"])


def test_a_gate_that_the_cell_does_not_have_is_named() -> None:
    with pytest.raises(UnknownNameError, match="gate 'X'"):
        with_clean_gates([student("one")], ["X"])
