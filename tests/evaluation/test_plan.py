"""Which episodes are missing, which of an earlier run count, how the missing ones are played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.evaluation import plan as module
from lrs_lightning.evaluation.plan import Plan
from lrs_lightning.evaluation.provenance import row_columns
from lrs_lightning.rollout import Policy
from lrs_lightning.shifts import Condition, ShiftContext
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.versions import versions
from tests.evaluation.fakes import fake_episode
from tests.evaluation.toys import ENV_ID, Constant

POLICIES: dict[str, Policy] = {"one": Constant(1.0), "half": Constant(0.5)}
CONDITIONS = [Condition("clean"), Condition("sensor_noise@2")]


def planned(**changes: Any) -> Plan:
    given = {"policies": POLICIES, "env_id": ENV_ID, "conditions": CONDITIONS, "unit": "u"}
    return Plan(**{**given, "seeds": range(50, 53), "step": None, **changes})  # type: ignore[arg-type]


def lines(file: Path, plan: Plan, *episodes: Any, **columns: Any) -> list[Row]:
    """Write episodes as `plan` would, with other columns where some are given."""
    with ResultsWriter(file, row_columns({"versions": versions()})) as writer:
        return [
            writer.write(
                episode,
                **{
                    "policy_id": plan.policy_ids.get(episode.policy),
                    "condition_id": plan.condition_ids.get(str(episode.condition)),
                    **({} if plan.step is None else {"step": plan.step}),
                    **columns,
                },
            )
            for episode in episodes
        ]


def episode(**changes: Any) -> Any:
    return fake_episode(**{"policy": "one", "env": ENV_ID, "seed": 50, **changes})


def test_every_policy_plays_every_condition_on_every_seed() -> None:
    plan = planned()
    assert plan.size == 2 * 2 * 3
    assert plan.policy_ids == {"one": "constant 1.0", "half": "constant 0.5"}
    assert list(plan.condition_ids) == ["clean", "sensor_noise@2"]
    assert plan.condition_ids != planned(unit="v").condition_ids
    assert plan.condition_ids["clean"] == planned(unit="v").condition_ids["clean"]


def test_without_a_file_nothing_was_played(tmp_path: Path) -> None:
    assert planned().already_played(None) == []
    assert planned().already_played(tmp_path / "results.jsonl") == []


def test_what_counts_of_an_earlier_run(tmp_path: Path) -> None:
    file, plan = tmp_path / "results.jsonl", planned()
    kept = lines(file, plan, episode(), episode(seed=52), episode(shift="sensor_noise", severity=2))
    lines(
        file,
        plan,
        episode(seed=51, status="failed", error="no motor"),
        episode(seed=49),
        episode(seed=53),
        episode(policy="another"),
        episode(env="Another-v0"),
        episode(shift="mass", severity=3),
    )
    lines(file, plan, episode(), step=10)
    assert plan.already_played(file) == kept
    assert len(planned(step=10).already_played(file)) == 1


def test_the_last_of_two_rows_of_an_episode_counts(tmp_path: Path) -> None:
    file, plan = tmp_path / "results.jsonl", planned()
    (failed,) = lines(file, plan, episode(status="failed", error="no motor"))
    (again,) = lines(file, plan, episode())
    assert plan.already_played(file) == [again] != [failed]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"policy_id": "x"}, "holds episodes of another policy named 'one': choose another folder"),
        ({"condition_id": "x"}, "holds episodes of clean in another strength, unit or setting"),
        ({"versions": "gymnasium 0.1"}, "holds episodes of gymnasium 0.1 and .* is installed"),
    ],
)
def test_what_must_not_be_mixed_is_told(
    tmp_path: Path, columns: dict[str, Any], sentence: str
) -> None:
    file, plan = tmp_path / "results.jsonl", planned()
    base = {"versions": row_columns({"versions": versions()})["versions"]}
    with ResultsWriter(file) as writer:
        ids = {"policy_id": "constant 1.0", "condition_id": plan.condition_ids["clean"]}
        writer.write(episode(), **base | ids | columns)
    with pytest.raises(DataError, match=f"^{file} {sentence}"):
        plan.already_played(file)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the rollout is asked for; it plays one episode."""
    found: list[Any] = []

    def rollout(*given: Any, **options: Any) -> Any:
        found.append((given, options))
        yield episode(shift="sensor_noise", severity=2)

    monkeypatch.setattr(module, "rollout", rollout)
    return found


def test_the_missing_are_played_as_they_were_asked_for(asked: list[Any]) -> None:
    context, progress = ShiftContext(), print
    plan = planned(step=7)
    kept = [
        {"policy": "half", "shift": "clean", "severity": 0, "seed": 51},
        {"policy": "one", "shift": "sensor_noise", "severity": 2, "seed": 50},
    ]
    (row,) = plan.play(kept, context, 3, progress, None, 0.5)
    ((given, options),) = asked
    assert given == (POLICIES, ENV_ID, CONDITIONS, range(50, 53), context)
    assert options == {
        "threads": 3,
        "done": [("half", "clean", 0, 1), ("one", "sensor_noise", 2, 0)],
        "on_progress": progress,
        "timeout": 0.5,
        "env_kwargs": {},
    }
    assert (row["policy_id"], row["step"]) == ("constant 1.0", 7)
    assert row["condition_id"] == plan.condition_ids["sensor_noise@2"]


def test_each_is_written_as_it_ends(asked: list[Any], tmp_path: Path) -> None:
    file, plan = tmp_path / "results.jsonl", planned()
    with ResultsWriter(file, row_columns({"versions": versions()})) as writer:
        rows = list(plan.play([], None, None, None, writer))
    assert plan.already_played(file) == rows and "step" not in rows[0]
    assert asked[0][1]["timeout"] is None


def test_nobody_is_asked_where_nothing_is_missing(asked: list[Any]) -> None:
    plan = planned()
    assert list(plan.play([{}] * plan.size, None, None, None, None)) == []
    assert not asked
