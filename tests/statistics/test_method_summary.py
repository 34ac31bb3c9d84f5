"""A method's numbers, each again by another road: plain loops over seeds, a printed table of t."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrs_lightning.statistics.method_comparison import compare_methods
from lrs_lightning.statistics.method_summary import MethodSummary, summarize_method
from lrs_lightning.statistics.methods import Method, group
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary, summarize_all
from tests.evaluation.fakes import rows

REFERENCES = {"expert": 10_000.0, "random": 0.0}
MEANS = {"clean": 9000.0, "mass@2": 5000.0, "sensor_delay@1": 1000.0}
TABLE = (2.776445, 2.570582, 2.446912, 2.364624, 2.306004)  # Student's t, 97.5 %, from 4 on


def about(seed: int, method: str) -> dict[str, Any]:
    """Seeds of the methods are apart, so that they do not stand in pairs."""
    seeds = {"training": seed + (100 if method == "b" else 0)}
    return {"seeds": seeds, "configuration": {"model.rank": method}}


def played(seeds: int = 5, gap: float = 300.0, means: dict[str, float] = MEANS) -> list[Row]:
    found = []
    for m, name in enumerate("ab"):
        for s in range(seeds):
            luck = 400 * np.random.default_rng([m, s]).normal()
            own = {k: v + luck - m * gap for k, v in means.items()}
            found += rows(own, f"{name}{s}", episodes=8, spread=20.0)
    return found


def methods_of(some: list[Row]) -> tuple[list[Method], Returns]:
    returns = Returns.from_rows(some)
    known = {name: about(int(name[1:]), name[0]) for name in returns.policies}
    return group(known)[0], returns


def by_seed(some: list[Row], method: str, condition: str) -> list[float]:
    """Mean return of each seed, in the order of the seeds."""
    found: dict[str, list[float]] = {}
    for row in some:
        if row["policy"][0] == method and row["condition"] == condition:
            found.setdefault(row["policy"], []).append(row["return"])
    return [sum(values) / len(values) for values in found.values()]


def student(values: list[float], t: float = TABLE[0]) -> tuple[float, float]:
    centre, n = sum(values) / len(values), len(values)
    spread = math.sqrt(sum((v - centre) ** 2 for v in values) / (n - 1))
    half = t * spread / math.sqrt(n)
    return centre - half, centre + half


@pytest.fixture
def summed() -> tuple[list[Row], list[MethodSummary]]:
    some = played()
    methods, returns = methods_of(some)
    return some, [summarize_method(method, returns, REFERENCES) for method in methods]


def test_every_number_of_a_condition_by_its_definition(summed: Any) -> None:
    some, summaries = summed
    assert [(m.name, len(m.policies)) for m in summaries] == [("rank a", 5), ("rank b", 5)]
    for method, name in zip(summaries, "ab", strict=True):
        clean = by_seed(some, name, "clean")
        for c in method.conditions:
            means = by_seed(some, name, c.condition)
            assert c.by_seed == pytest.approx(means) and (c.episodes, c.outcomes) == (40, 40)
            assert c.return_mean == pytest.approx(sum(means) / 5)
            # The luck of starts is small here: it widens the interval by less than a hundredth.
            assert c.return_ci95 == pytest.approx(student(means), abs=5)
            assert c.return_iqm == pytest.approx(sum(sorted(means)[1:4]) / 3)
            assert c.expert_normalized == pytest.approx(c.return_mean / 10_000)
            assert c.expert_normalized_ci95 == pytest.approx([e / 1e4 for e in c.return_ci95])
            kept = [x / y for x, y in zip(means, clean, strict=True)]
            assert c.retention == pytest.approx(sum(kept) / 5)
            assert c.retention_ci95 == pytest.approx(student(kept))


def test_the_headline_sees_the_worst_shift(summed: Any) -> None:
    some, summaries = summed
    for method, name in zip(summaries, "ab", strict=True):
        parts = [by_seed(some, name, c) for c in ("mass@2", "sensor_delay@1")]
        both = [sum(pair) / 2 / 10_000 for pair in zip(*parts, strict=True)]
        told = method.headline
        assert told["unit"] == "expert_normalized"
        assert told["mean_over_shifts"] == pytest.approx(sum(both) / 5)
        assert told["mean_over_shifts_ci95"] == pytest.approx(student(both), abs=1e-3)
        assert told["worst_shift"] == "sensor_delay@1"
        assert told["worst"] == pytest.approx(sum(parts[1]) / 5 / 10_000)


def test_nothing_is_retained_where_one_seed_has_no_yardstick() -> None:
    some = played()
    for row in some:
        if row["policy"] == "a0" and row["condition"] == "clean":
            row["return"] = 4000.0
    methods, returns = methods_of(some)
    a, b = (summarize_method(method, returns, REFERENCES) for method in methods)
    assert all(math.isnan(c.retention) for c in a.conditions)
    assert all(c.retention > 0 for c in b.conditions)


def test_of_one_seed_there_is_a_mean_and_no_interval() -> None:
    methods, returns = methods_of(played(seeds=1))
    one = summarize_method(methods[0], returns, {})
    for c in one.conditions:
        assert math.isfinite(c.return_mean) and np.isnan([*c.return_ci95, *c.retention_ci95]).all()
    assert one.headline["unit"] == "return" and one.headline["mean_over_shifts_ci95"] == [None] * 2
    assert compare_methods(methods, returns) == []


def test_every_difference_by_its_definition() -> None:
    some = played()
    found = compare_methods(*methods_of(some))
    names = [*MEANS, "all shifts"]
    assert [d.condition for d in found] == names and not any(d.paired for d in found)
    raw = sorted(d.p for d in found)
    for d in found:
        conditions = [d.condition] if d.condition in MEANS else names[1:3]
        x, y = (
            [sum(v) / len(v) for v in zip(*(by_seed(some, m, c) for c in conditions), strict=True)]
            for m in "ab"
        )
        assert d.difference == pytest.approx(sum(x) / 5 - sum(y) / 5)
        own = np.array([np.var(x, ddof=1), np.var(y, ddof=1)]) / 5
        error, freedom = math.sqrt(own.sum()), own.sum() ** 2 / (own**2 / 4).sum()
        reach = np.interp(freedom, range(4, 9), TABLE) * error
        ends = d.difference - reach, d.difference + reach
        assert d.ci95 == pytest.approx(ends, abs=0.05 * error)  # the luck of starts is small
        assert (d.p < 0.05) == (d.ci95[0] > 0 or d.ci95[1] < 0)
        assert d.p_holm >= d.p and (d.p > raw[0] or d.p_holm == pytest.approx(min(1, 4 * d.p)))
        wins = [a > b for a, b in itertools.product(x, y)]
        assert d.improvement == pytest.approx(sum(wins) / 25)
        low, high = d.improvement_ci95
        assert 0 <= low < d.improvement < high <= 1
    clean, mass = found[:2]
    assert math.isnan(clean.at_equal_clean)
    # Shifted and clean returns of a seed move as one here: at equal clean nothing is left.
    assert mass.at_equal_clean == pytest.approx(0, abs=40)


def test_below_five_seeds_no_chance_is_told() -> None:
    found = compare_methods(*methods_of(played(seeds=4)))
    assert all(math.isnan(d.improvement) and math.isfinite(d.p) for d in found)


def test_the_summary_holds_methods_where_there_are_any(tmp_path: Path) -> None:
    some = played()
    known = {r["policy"]: about(int(r["policy"][1:]), r["policy"][0]) for r in some}
    summary = summarize_all(some, REFERENCES, known)
    assert [m["name"] for m in summary.methods] == ["rank a", "rank b"]
    assert len(summary.method_differences) == 4
    assert summary.policy["seeds"] == {"training": 0}
    assert Summary.read(summary.write(tmp_path)) == summary
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["methods"][0]["training_seeds"][2] == {"training": 2}
    alone = summarize_all(some[:24], REFERENCES, known).to_dict()
    assert "methods" not in alone and "method_differences" not in alone
    named = summarize_all(some, REFERENCES, {}, groups={"mine": ["a0", "b1"]})
    assert named.methods[0]["name"] == "mine" and named.method_differences == []
