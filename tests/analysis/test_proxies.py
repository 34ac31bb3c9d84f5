"""Proxies against robustness, where what is behind them is known."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.analysis.figures.associations import associations
from lrs_lightning.analysis.proxies import Measured, Outcome, associate, read_outcome
from lrs_lightning.analysis.table import association_rows
from lrs_lightning.errors import DataError
from lrs_lightning.statistics import Summary
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.endings import endings


def runs(count=40, seed=0):
    """Shifted return = clean return + a hidden quality, which one proxy tells and one does not."""
    random = np.random.default_rng(seed)
    found = []
    for i in range(count):
        clean, quality, luck = random.normal(size=3)
        own = {"tells quality": quality, "tells clean": clean, "tells nothing": luck}
        proxies = {"own": own, "common": {"unknown": float("nan"), "tells quality": -quality}}
        found.append(Measured(f"run-{i}", Outcome(clean, clean + quality), proxies))
    return found


def by_name(found):
    return {(one.kind, one.proxy): one for one in found}


def test_the_clean_return_is_taken_out():
    found = by_name(associate(runs()))
    told, clean = found["own", "tells quality"], found["own", "tells clean"]
    assert told.partial.value > 0.9 > told.shifted.value
    assert clean.shifted.value > 0.4 and abs(clean.clean.value - 1) < 1e-9
    assert np.isnan(clean.partial.value) or abs(clean.partial.value) < 0.3
    assert found["common", "tells quality"].partial.value < -0.9


def test_comparisons_are_counted_and_unknown_proxies_left_out():
    found = associate(runs())
    assert ("common", "unknown") not in by_name(found)
    assert {one.comparisons for one in found} == {4} and len(found) == 4
    rows = list(association_rows(found))
    assert len(rows) == 12 and {row["n"] for row in rows} == {40}


def test_the_figure_tells_how_many_intervals_leave_out_zero():
    picture = associations(associate(runs()))
    assert "Over 40 runs, 4 comparisons" in picture.caption


def test_few_runs_are_not_correlated():
    with pytest.raises(DataError, match="5 runs with returns are too few"):
        associate(runs(5))


def test_outcomes_come_from_the_summary(tmp_path):
    def condition(name, mean, share):
        shift, _, severity = name.partition("@")
        return {
            **dict.fromkeys(ConditionSummary.__annotations__),
            "condition": name, "shift": shift, "severity": int(severity or 0),
            "episodes": 3, "outcomes": 3, "endings": endings([]), "failed": 0, "unchanged": False,
            "return_mean": mean, "expert_normalized": share,
            **{key: [0.0, 1.0] for key in ConditionSummary.__annotations__ if "ci95" in key},
        }  # fmt: skip

    conditions = [
        condition("clean", 10.0, 0.9),
        condition("a@1", 5.0, 0.5),
        condition("b@1", 1.0, 0.1),
    ]
    Summary("toy", {"name": "p"}, {}, conditions).write(tmp_path)
    assert read_outcome(tmp_path) == Outcome(0.9, 0.3)
    assert read_outcome(tmp_path, ["b@1"]).shifted == 0.1
    with pytest.raises(DataError, match="lacks c@1: play it with `python -m"):
        read_outcome(tmp_path, ["c@1"])
