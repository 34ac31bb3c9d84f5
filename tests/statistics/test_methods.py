"""Which runs are draws of one method."""

from __future__ import annotations

from typing import Any

import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics.methods import Method, group

BASE = {"model.policy.core": "CfC", "model.policy.core.rank": 8, "model.lr": 0.003}


def policy(seed: int, changes: dict[str, Any] | None = None, **about: Any) -> dict[str, Any]:
    seeds = {"data": 0, "initialisation": seed, "mask": seed, "training": seed}
    return {"cell": "cfc", "seeds": seeds, "configuration": BASE | (changes or {}), **about}


def members(methods: list[Method]) -> dict[str, tuple[str, ...]]:
    return {method.name: method.policies for method in methods}


def test_runs_that_differ_in_seeds_alone_are_one_method_named_by_what_differs() -> None:
    dense = {"model.policy.core.rank": None}
    runs = {
        "v0": policy(0, source="a", mask_seed=0, parameters=5),
        "v5": policy(0, dense),
        "v1": policy(1, source="b", mask_seed=1, parameters=6),
        "v6": policy(1, dense),
        "expert": {"kind": "expert"},
    }
    found, repeats = group(runs)
    assert members(found) == {
        "rank 8": ("v0", "v1"), "rank none": ("v5", "v6"), "expert": ("expert",),
    }  # fmt: skip
    assert repeats == {} and found[0].shares_seeds_with(found[1])


def test_one_method_is_named_after_its_core() -> None:
    found, _ = group({"a": policy(0), "b": policy(1)})
    assert members(found) == {"CfC": ("a", "b")}


@pytest.mark.parametrize(
    "other",
    [policy(1, {"model.lr": 0.1}), policy(1, gate="frozen"), {**policy(1), "configuration": {}},
     {**policy(1), "seeds": {}}, {"cell": "cfc"}, {"seeds": 5, "configuration": [1]}],
)  # fmt: skip
def test_what_differs_or_is_not_known_stands_alone(other: dict[str, Any]) -> None:
    found, _ = group({"a": policy(0), "b": other})
    assert members(found) == {"a": ("a",), "b": ("b",)}


@pytest.mark.parametrize("fact", ["name", "source", "parameters", "mask_seed", "init_seed"])
def test_what_each_run_has_of_its_own_parts_no_methods(fact: str) -> None:
    found, _ = group({"a": policy(0, **{fact: 1}), "b": policy(1, **{fact: 2})})
    assert members(found) == {"CfC": ("a", "b")}
    found, _ = group({"a": policy(0, rank=1), "b": policy(1, rank=2)})  # any other fact does
    assert members(found) == {"a": ("a",), "b": ("b",)}


def test_two_checkpoints_of_one_run_are_one_draw() -> None:
    found, repeats = group({"last": policy(0), "best": policy(0), "other": policy(1)})
    assert members(found) == {"CfC": ("last", "other")} and repeats == {"best": "last"}


def test_groups_may_be_named_and_the_rest_is_found() -> None:
    runs = {"a": policy(0), "b": policy(1), "x": {}, "y": {}, "c": policy(2)}
    found, _ = group(runs, {"mine": ["x", "y"]})
    assert members(found) == {"CfC": ("a", "b", "c"), "mine": ("x", "y")}
    assert not found[0].shares_seeds_with(found[1])
    found, _ = group(runs, {"CfC": ["a", "x"]})  # a name that another method would have
    assert members(found) == {"CfC": ("a", "x"), "CfC'": ("b", "c"), "y": ("y",)}


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"m": ["z"]}, "group 'm' names 'z', and there is no such policy: there are a, b"),
        ({"m": []}, "group 'm' has no runs"),
        ({"m": ["a"], "n": ["a"]}, "'a' is in group 'm' and in 'n'"),
        ({"m": ["a", "b"]}, "'a' and 'b', which were trained with the same seeds"),
    ],
)
def test_groups_that_cannot_be(named: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        group({"a": policy(0), "b": policy(0)}, named)


def test_pairs_are_by_seed_whatever_the_order() -> None:
    one = Method("m", ("a", "b"), ((("training", 0),), (("training", 1),)))
    two = Method("n", ("c", "d"), ((("training", 1),), (("training", 0),)))
    assert one.shares_seeds_with(two) and one.paired_with(two) == ("d", "c")
    three = Method("o", ("c", "d"), ((("training", 1),), (("training", 2),)))
    unknown = Method("u", ("e", "f"), ((), ()))
    assert not one.shares_seeds_with(three) and not unknown.shares_seeds_with(unknown)
