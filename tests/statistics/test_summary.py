"""The keys of `summary.json`, and what each number is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.report.runs import gather, read_run
from lrs_lightning.report.table import table
from lrs_lightning.statistics.results import ResultsWriter, episode_row
from lrs_lightning.statistics.summary import Summary, summarize, summarize_all
from tests.evaluation.fakes import fake_episode, rows

REFERENCES = {"expert": 10_000.0, "random": -200.0}
MEANS = {"mass@3": 5000.0, "clean": 9000.0, "friction@3": 8500.0}


def test_keys_and_order(tmp_path: Path) -> None:
    summary = summarize(rows(MEANS), REFERENCES, {"cell": "cfc", "rank": 8}, {"commit": "abc"})
    content = json.loads(summary.write(tmp_path).read_text())
    assert (tmp_path / "summary.json").is_file()
    assert content["schema"] == 1 and content["env"] == "HalfCheetah-v5"
    assert content["policy"] == {"name": "student", "cell": "cfc", "rank": 8}
    assert content["references"] == REFERENCES
    assert content["provenance"] == {"commit": "abc"}
    found = [(c["shift"], c["severity"]) for c in content["conditions"]]
    assert found == [("clean", 0), ("mass", 3), ("friction", 3)]
    needed = {
        "shift", "severity", "episodes", "return_mean", "return_ci95", "expert_normalized",
        "retention",
    }  # fmt: skip
    assert all(needed <= set(condition) for condition in content["conditions"])
    assert Summary.read(tmp_path).to_dict() == {k: v for k, v in content.items() if k != "sha256"}
    assert list(tmp_path.iterdir()) == [tmp_path / "summary.json"]


def test_numbers_are_those_of_the_episodes() -> None:
    played = rows(MEANS)
    summary = summarize(played, REFERENCES)
    values = {
        name: np.array([r["return"] for r in played if r["condition"] == name]) for name in MEANS
    }
    for condition in summary.conditions:
        x = values[condition["condition"]]
        assert condition["return_mean"] == pytest.approx(x.mean())
        low, high = condition["return_ci95"]
        half = 2.093 * x.std(ddof=1) / np.sqrt(20)  # Student's t
        assert (low, high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.15 * half)
        assert condition["expert_normalized"] == pytest.approx((x.mean() + 200) / 10_200)
        assert condition["retention"] == pytest.approx(x.mean() / values["clean"].mean())
    shifted = np.sort(np.concatenate([values["mass@3"], values["friction@3"]]))
    assert summary.aggregate["iqm"] == pytest.approx((shifted[10:30].mean() + 200) / 10_200)
    assert summary.aggregate["conditions"] == 2


def test_every_number_of_a_condition() -> None:
    played = rows(MEANS | {"mass@1": 8000.0}, episodes=12, spread=500.0)
    for row in played:
        row["length"] = 900 + row["seed"]
    failed = fake_episode(shift="mass", severity=3, seed=50, status="failed", length=7)
    summary = summarize([*played, episode_row(failed)], REFERENCES)
    clean = np.array([r["return"] for r in played if r["condition"] == "clean"])
    for found in summary.conditions:
        mine = [r for r in played if r["condition"] == found["condition"]]
        x = np.array([r["return"] for r in mine])
        assert found["episodes"] == 12 and found["failed"] == (found["condition"] == "mass@3")
        assert found["return_std"] == pytest.approx(x.std(ddof=1))
        assert found["return_median"] == pytest.approx(np.median(x))
        assert found["return_iqm"] == pytest.approx(np.sort(x)[3:-3].mean())
        assert found["length_mean"] == pytest.approx(np.mean([r["length"] for r in mine]))
        scaled = (np.array(found["return_ci95"]) + 200) / 10_200
        assert found["expert_normalized_ci95"] == pytest.approx(scaled)
        from_random = (x.mean() + 200) / (clean.mean() + 200)
        assert found["retention_normalized"] == pytest.approx(from_random)
    assert summary.conditions[0]["retention_ci95"] == [1.0, 1.0]


def test_every_number_over_all_shifts() -> None:
    summary = summarize(rows(MEANS, spread=500.0), REFERENCES)
    parts = [c for c in summary.conditions if c["condition"] != "clean"]
    found = summary.aggregate
    assert (found["episodes"], found["conditions"]) == (40, 2)
    assert found["mean"] == pytest.approx(np.mean([c["expert_normalized"] for c in parts]))
    # Nobody reaches the expert, so that the gap is all that lacks to it.
    assert found["optimality_gap"] == pytest.approx(1 - found["mean"])
    halves = [np.diff(c["expert_normalized_ci95"])[0] / 2 for c in parts]
    half = np.hypot(*halves) / 2  # of the mean of two independent means
    assert found["mean_ci95"] == pytest.approx(
        [found["mean"] - half, found["mean"] + half], abs=0.2 * half
    )
    for name in ("iqm", "median", "optimality_gap"):
        low, high = found[f"{name}_ci95"]
        assert low < found[name] < high


@pytest.mark.parametrize("references", [REFERENCES, {"expert": -200.0, "random": 10_000.0}])
def test_intervals_ascend_even_where_the_expert_earns_less_than_random(
    references: dict[str, float],
) -> None:
    summary = summarize(rows(MEANS | {"mass@1": 8000.0}), references)
    for found in [*summary.conditions, summary.aggregate]:
        names = [name for name in found if name.endswith("_ci95")]
        assert "expert_normalized_ci95" in names or "iqm_ci95" in names
        for name in names:
            low, high = found[name]
            if low is None:  # who earns less than chance has nothing to retain
                assert name == "retention_ci95" and references["expert"] < 0
                continue
            assert low <= found[name.removesuffix("_ci95").replace("return", "return_mean")] <= high


def test_pairs_make_retention_sharper_than_its_parts() -> None:
    summary = summarize(rows(MEANS, spread=2000.0))
    friction = summary.conditions[2]
    low, high = friction["retention_ci95"]
    unpaired = (friction["return_ci95"][1] - friction["return_ci95"][0]) / 9000
    assert high - low < 0.6 * unpaired


def test_without_references_nothing_is_normalised() -> None:
    summary = summarize(rows(MEANS), {"random": 1.0})
    assert summary.conditions[0]["expert_normalized"] is None
    assert summary.conditions[1]["retention"] == pytest.approx(5 / 9, abs=0.02)
    assert summary.aggregate == {}


@pytest.mark.parametrize(
    ("clean", "references", "told"),
    [
        (6.0, {"expert": 10.0, "random": 0.0}, True),
        (4.0, {"expert": 10.0, "random": 0.0}, False),  # below half of the expert's
        (4.0, {"expert": 10.0}, True),  # not known to be
        (4.0, {}, True),
        (-4.0, {}, False),
        (-4.0, {"expert": -3.0, "random": -20.0}, False),  # a share of a loss means nothing
        (6.0, {"random": 6.0}, False),  # within the noise of chance
        (6.0, {"random": 3.0}, True),
    ],
)
def test_nothing_is_retained_of_a_clean_return_that_is_no_yardstick(
    clean: float, references: dict[str, float], told: bool
) -> None:
    summary = summarize(rows({"clean": clean, "mass@1": 1.0}, spread=0.1), references)
    for condition in summary.conditions:
        assert (condition["retention"] is not None) == told
        assert (condition["retention_ci95"] != [None, None]) == told
        assert condition["return_mean"] is not None
    if not told:
        assert summary.conditions[1]["retention_normalized"] is None


def test_severity_auc_of_a_straight_line() -> None:
    means = {"clean": 1000.0} | {f"mass@{s}": 1000.0 - 200 * s for s in (1, 2, 3, 4, 5)}
    summary = summarize(rows(means, spread=1e-6), {"expert": 1000.0, "random": 0.0})
    assert summary.severity_auc["mass"]["severities"] == [0, 1, 2, 3, 4, 5]
    assert summary.severity_auc["mass"]["expert_normalized"] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("references", [None, {"expert": 1000.0, "random": -1000.0}])
def test_severity_auc_is_of_plain_severities_of_shifts_played_at_two_or_more(
    references: dict[str, float] | None,
) -> None:
    means = {"mass@3": 400.0, "clean": 1000.0, "friction@2": 700.0, "mass@1": 800.0}
    played = rows(means, spread=1e-6)
    onset = rows({"mass@5": -9999.0}, spread=1e-6, condition="mass[onset=100]@5")
    summary = summarize([*played, *onset], references)
    assert list(summary.severity_auc) == ["mass"]
    found = summary.severity_auc["mass"]
    height = (900 * 1 + 600 * 2) / 3  # trapezoids from 0 to 1 and from 1 to 3
    assert found["severities"] == [0, 1, 3]
    assert found["return_mean"] == pytest.approx(height)
    expected = (height + 1000) / 2000 if references else None
    assert found["expert_normalized"] == pytest.approx(expected)


def test_a_shift_of_which_a_severity_failed_has_no_curve() -> None:
    played = rows({"clean": 9.0, "mass@1": 8.0, "friction@1": 7.0, "friction@2": 6.0}, spread=0.1)
    failed = fake_episode(shift="mass", severity=2, status="failed")
    assert list(summarize([*played, episode_row(failed)]).severity_auc) == ["friction"]


def test_without_clean_episodes_nothing_is_retained() -> None:
    (found,) = summarize(rows({"mass@3": 5.0}), REFERENCES).conditions
    assert found["retention"] is None and found["retention_normalized"] is None
    assert found["expert_normalized"] == pytest.approx(0.02, abs=0.01)


def test_one_of_several_is_a_summary_of_its_own(tmp_path: Path) -> None:
    both = replace(
        summarize(rows(MEANS)),
        others=[summarize(rows(MEANS, policy="other"))],
        differences=summarize_all(rows(MEANS) + rows(MEANS, policy="other")).differences,
    )
    assert [s.name for s in both.all] == ["student", "other"]
    assert both.all[0].others == [] and both.all[0].differences == []
    assert Summary.read(both.write(tmp_path / "both.json")) == both
    alone = both.all[0].to_dict()
    assert "others" not in alone and "differences" not in alone
    assert alone["aggregate"] == {}, "an empty mapping is kept"


def test_a_missing_summary_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*summary.json .*: evaluate first"):
        Summary.read(tmp_path)


def test_failed_episodes_are_counted_and_left_out() -> None:
    played = rows({"clean": 10.0}, episodes=4, spread=0.0)
    broken = fake_episode(seed=50, status="failed", return_=-999.0, error="boom")
    summary = summarize([*played, episode_row(broken)])
    assert (summary.conditions[0]["episodes"], summary.failed) == (4, 1)
    assert summary.conditions[0]["return_mean"] == 10.0


def test_one_episode_and_none() -> None:
    one = summarize([episode_row(fake_episode())]).conditions[0]
    assert one["return_mean"] == 1.0 and one["return_ci95"] == [None, None]
    none = summarize([episode_row(fake_episode(status="failed"))]).conditions[0]
    assert none["return_mean"] is None and none["episodes"] == 0


def test_rows_of_two_policies_are_refused() -> None:
    mixed = rows({"clean": 1.0}) + rows({"clean": 1.0}, policy="other")
    with pytest.raises(ArgumentError, match=r"of policies \['other', 'student'\]"):
        summarize(mixed)
    with pytest.raises(ArgumentError, match="got 0 episodes"):
        summarize([])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is no JSON"), ("[]", "Expected object, got array"), ('{"schema": 9}', "has schema 9")],
)
def test_a_damaged_summary_is_named(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(DataError, match=sentence):
        Summary.read(tmp_path)


def test_table_shows_shares_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    played = [*rows(MEANS), episode_row(fake_episode(seed=50, status="failed"))]
    Console(width=100, force_terminal=False).print(table(summarize(played, REFERENCES)))
    shown = capsys.readouterr().out
    for word in ("mass@3", "5,0", "of expert", "0.5", "of own clean", "0.94", "failed"):
        assert word in shown


def test_every_figure_of_a_condition_by_its_definition() -> None:
    """Each number again from the returns alone, by NumPy."""
    played = rows({"clean": 900.0, "mass@3": 500.0}, episodes=9, spread=100.0)
    found = summarize(played, {"expert": 1000.0, "random": -100.0}).conditions
    clean, shifted = (
        np.array([r["return"] for r in played if r["condition"] == name])
        for name in ("clean", "mass@3")
    )
    for condition, x in zip(found, (clean, shifted), strict=True):
        assert condition["return_mean"] == pytest.approx(x.mean())
        assert condition["return_median"] == pytest.approx(np.median(x))
        assert condition["return_std"] == pytest.approx(x.std(ddof=1))
        assert condition["return_iqm"] == pytest.approx(np.sort(x)[2:-2].mean())
        assert condition["length_mean"] == 1000 and condition["episodes"] == 9
        assert condition["expert_normalized"] == pytest.approx((x.mean() + 100) / 1100)
        assert condition["retention_normalized"] == pytest.approx(
            (x.mean() + 100) / (clean.mean() + 100)
        )
    assert (found[0]["retention"], found[0]["retention_ci95"]) == (1.0, [1.0, 1.0])


@pytest.mark.parametrize(("expert", "random"), [(1000.0, -100.0), (-100.0, 1000.0)])
def test_an_interval_runs_upwards_also_where_the_expert_earns_less_than_chance(
    expert: float, random: float
) -> None:
    summary = summarize(rows(MEANS), {"expert": expert, "random": random})
    for condition in summary.conditions:
        for key in ("return_ci95", "expert_normalized_ci95"):
            low, high = condition[key]
            assert low <= high, key
        low, high = condition["expert_normalized_ci95"]
        assert low <= condition["expert_normalized"] <= high
        shares = [(end - random) / (expert - random) for end in condition["return_ci95"]]
        assert [low, high] == pytest.approx(sorted(shares))


def test_the_summary_of_many_policies_is_that_of_each() -> None:
    both = rows(MEANS) + rows({"clean": 8000.0, "mass@3": 4000.0}, policy="other")
    summary = summarize_all(both, REFERENCES, {"other": {"rank": 3}}, {"commit": "abc"})
    assert [one.name for one in summary.all] == ["student", "other"]
    for one, own in zip(summary.all, ("student", "other"), strict=True):
        alone = summarize([r for r in both if r["policy"] == own], REFERENCES)
        assert one.conditions == alone.conditions and one.aggregate == alone.aggregate
        assert one.provenance == {"commit": "abc"}
    assert summary.others[0].policy == {"name": "other", "rank": 3}
    pairs = {(d["a"], d["b"], d["condition"]) for d in summary.differences}
    assert ("student", "other", "mass@3") in pairs
    assert not summarize_all(rows(MEANS), REFERENCES).differences
    with pytest.raises(ArgumentError, match="got 0 episodes"):
        summarize_all([])


def test_a_report_reads_the_summary_that_the_evaluation_wrote(tmp_path: Path) -> None:
    """One path from rows to figures: reading again gives the same to the last digit."""
    both = rows(MEANS) + rows({"clean": 8000.0, "mass@3": 4000.0}, policy="other")
    written = summarize_all(both, REFERENCES, {"student": {"rank": 8}}, {"commit": "abc"})
    written.write(tmp_path / "summary.json")
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        writer.write_rows(both)
    read = read_run(tmp_path)
    assert read.summaries == [replace(one, aggregate={}) for one in Summary.read(tmp_path).all]
    assert [d.to_dict() for d in gather([read]).differences] == written.differences


def test_a_shift_that_touched_nothing_is_marked():
    def row(shift, seed, outcome, status="ok"):
        return {
            "policy": "p", "env": "e", "shift": shift, "severity": int(shift != "clean"),
            "condition": shift if shift == "clean" else f"{shift}@1", "episode": seed,
            "seed": seed, "return": 1.0, "length": 5, "status": status, "outcome": outcome,
        }  # fmt: skip

    rows = [row("clean", seed, f"o{seed}") for seed in range(3)]
    rows += [row("same", seed, f"o{seed}") for seed in range(3)]
    rows += [row("other", seed, f"o{seed}" if seed else "x") for seed in range(3)]
    rows += [row("old", seed, "") for seed in range(3)]
    rows += [row("failed", 0, "o0", "failed")]
    found = {c["shift"]: c.get("unchanged", False) for c in summarize(rows).conditions}
    assert found == {"clean": False, "same": True, "other": False, "old": False, "failed": False}
