"""Strengths that take a known share of a return, found between their neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.evaluation import Suite, calibration, evaluate
from lrs_lightning.evaluation.calibrated_suite import suite_text
from lrs_lightning.evaluation.calibration import SHARES, calibrate, searches
from lrs_lightning.shifts import Condition, ShiftContext, make

ENV_ID = "tests/Obeys-v0"


class Obeys(gym.Env[Any, Any]):
    """Earns the cube of the action, one step long: a gain of g keeps the share g³."""

    observation_space = gym.spaces.Box(-10, 10, (1,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    earns = 1.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action: Any) -> Any:
        return np.zeros(1), self.earns * float(action[0]) ** 3, True, False, {}


class Full:
    """Acts with all its strength."""

    fingerprint = "full"

    def initial_state(self, num_envs: int) -> None:
        return None

    def step(self, observations: Any, state: Any, starts: Any) -> tuple[Any, None]:
        return np.ones((len(observations), 1), np.float32), None


@pytest.fixture(autouse=True)
def toy() -> None:
    if ENV_ID not in gym.registry:
        gym.register(ENV_ID, entry_point=Obeys)


CONTEXT = ShiftContext(observation_mean=np.zeros(1), observation_std=np.ones(1))


def found(names: list[str], **options: Any) -> dict[str, list[calibration.Level]]:
    return calibrate("full", Full(), ENV_ID, searches(ENV_ID, names), 2, context=CONTEXT, **options)


def test_a_gain_is_found_where_it_keeps_just_that_share() -> None:
    levels = found(["action_gain"])["action_gain"]
    assert [level.share for level in levels] == list(SHARES)
    for level in levels:
        assert level.point is not None and level.between is not None
        assert level.point.kept == pytest.approx(level.share, abs=0.03)
        assert level.point.kept == pytest.approx(level.point.strength**3, abs=1e-3)
        low, high = sorted(level.between)
        assert low**3 <= level.share <= high**3


def test_where_no_strength_does_it_it_says_so() -> None:
    # One step: nothing that is delayed ever arrives, and a first action is never sticky.
    levels = found(["action_delay", "action_sticky"])
    for level in levels["action_delay"]:
        assert level.point is None or level.point.kept == 0
        assert level.share <= 0.1 or "and nothing between them was found" in level.reason
    assert all("at least 1.00 is kept" in level.reason for level in levels["action_sticky"])


def test_the_suite_that_is_written_plays_what_was_found(tmp_path: Path) -> None:
    levels = found(["action_gain", "action_sticky"])
    file = tmp_path / "suite.yaml"
    file.write_text(suite_text("mine", ENV_ID, levels, ["made by a test"]))
    played = Suite.load(file).conditions("other")
    assert list(map(str, played[1:3])) == [
        str(Condition.parse(f"action_gain[at={_at(levels)}]@{k}")) for k in (1, 2)
    ]
    assert len({c.shift for c in played}) == 2 and len(played) == 6
    summary = evaluate({"full": Full()}, ENV_ID, file, 1, references={}, context=CONTEXT)
    for share, condition in zip(SHARES, summary.conditions[1:], strict=True):
        assert condition["retention"] == pytest.approx(share, abs=0.03)
    assert len(summary.severity_auc) == 0 or "action_gain" in next(iter(summary.severity_auc))


def _at(levels: dict[str, list[calibration.Level]]) -> str:
    return ":".join(f"{level.point.strength:g}" for level in levels["action_gain"] if level.point)


def test_a_search_that_was_ended_goes_on_and_finds_the_same(tmp_path: Path) -> None:
    whole = found(["action_gain"], shares=(0.6,))
    found(["action_gain"], shares=(0.6,), out=tmp_path, rounds=0)
    lines = len((tmp_path / "results.jsonl").read_text().splitlines())
    assert found(["action_gain"], shares=(0.6,), out=tmp_path) == whole
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) > lines


def test_what_cannot_be_calibrated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LrsError, match="unknown shift 'mas': did you mean 'mass'"):
        searches("HalfCheetah-v5", ["mas"])
    with pytest.raises(LrsError, match="gaussian_noise"):
        searches("HalfCheetah-v5", ["gaussian_noise"])
    with pytest.raises(LrsError, match="'friction' cannot be calibrated: no two parts of Swimmer"):
        searches("Swimmer-v5", ["friction"])
    with pytest.raises(LrsError, match="its severities are no scale"):
        searches("ALE/Seaquest-v5", ["ale_mode"])
    monkeypatch.setattr(Obeys, "earns", -1.0)
    with pytest.raises(LrsError, match="clean return of the policy is -1, and a share of what is"):
        found(["action_gain"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mass[at=1.1:x]@1", "at=1.1:x is no list of strengths"),
        ("mass[at=1.1:1.2]@3", "has severities 0 to 2, not 3"),
        ("mass[at=-:1.2]@1", "no strength for severity 1, only for 2"),
        ("sensor_delay[at=1.5]@1", "no strength 1.5: it takes whole numbers"),
        ("sensor_dropout[at=1.5]@1", "no strength 1.5: it takes 0 to 1"),
    ],
)
def test_strengths_of_ones_own_are_checked(text: str, sentence: str) -> None:
    from lrs_lightning import envs
    from lrs_lightning.rollout.playing import completed

    context = completed(None, envs.describe("HalfCheetah-v5"))
    with pytest.raises(LrsError, match=sentence):
        make(text, context)
    assert make("mass[at=1.1:1.2]@2", context).model() is not context.base_model
