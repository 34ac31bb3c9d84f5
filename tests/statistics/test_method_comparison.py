"""Differences of methods over all shifts are those of the conditions, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.statistics.comparison import OVERALL
from lrs_lightning.statistics.method_comparison import compare_methods
from lrs_lightning.statistics.methods import Method
from lrs_lightning.statistics.returns import Returns
from tests.evaluation.fakes import rows

MEANS = {"clean": 900.0, "mass@1": 700.0, "mass@3": 500.0}


def method(name: str, members: list[str], first_seed: int) -> Method:
    seeds = tuple((("init_seed", first_seed + k),) for k in range(len(members)))
    return Method(name, tuple(members), seeds)


@pytest.mark.parametrize("paired", [True, False])
def test_conditions_count_alike_also_where_episodes_are_missing(paired: bool) -> None:
    names = {"a": ["a", "aa", "aaa"], "b": ["b b", "b b b b b", "b b b b b b b b"]}
    played = []
    for k, policy in enumerate([*names["a"], *names["b"]]):
        found = rows({name: mean - 7 * k**2 for name, mean in MEANS.items()}, policy, 6)
        missing = found[6 + k]  # of each policy another start under mass@1
        played += [row for row in found if row is not missing]
    methods = [method("a", names["a"], 0), method("b", names["b"], 0 if paired else 10)]
    assert methods[0].shares_seeds_with(methods[1]) == paired
    found = {d.condition: d for d in compare_methods(methods, Returns.from_rows(played))}
    assert list(found) == [*MEANS, OVERALL]
    shifted = [found["mass@1"].difference, found["mass@3"].difference]
    assert found[OVERALL].difference == pytest.approx(np.mean(shifted))
    assert all(np.isfinite(d.ci95).all() for d in found.values())
