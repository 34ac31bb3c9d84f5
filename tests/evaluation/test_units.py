"""The unit of sensor noise is one number for one evaluation, and is told apart from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.identity import condition_fingerprint
from lrs_lightning.evaluation.units import (
    EPISODES,
    SEED,
    in_units,
    measured_context,
    needs_units,
    unit_name,
)
from lrs_lightning.rollout import rollout
from lrs_lightning.shifts import Condition, ShiftContext, shift_types
from lrs_lightning.statistics.results import read_results
from tests.evaluation.toys import ENV_ID, Constant, Toy, register

ONE = {"one": Constant(1.0)}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setattr(Toy, "broken", None)


def context(*deviations: float) -> ShiftContext:
    return ShiftContext(
        observation_mean=np.zeros(len(deviations)), observation_std=np.array(deviations)
    )


@pytest.mark.parametrize("name", sorted(shift_types()))
def test_shifts_of_sensors_need_a_unit_and_no_others_do(name: str) -> None:
    condition = Condition(name, 2)
    assert needs_units([condition]) == (shift_types()[name].domain == "sensors")
    assert needs_units([Condition(), condition]) == any(map(in_units, condition.components))
    assert needs_units([Condition(f"mass@1+{name}@2")]) == needs_units([condition])


def test_there_is_something_that_needs_units_and_something_that_does_not() -> None:
    assert needs_units([Condition("clean"), Condition("sensor_noise@1")])
    assert not needs_units([Condition("clean"), Condition("mass@1")])


def test_the_unit_is_the_mean_and_deviation_of_clean_episodes_on_fixed_seeds() -> None:
    seeds = range(SEED, SEED + EPISODES)
    played = rollout(ONE, ENV_ID, ["clean"], seeds, record=True)
    seen = np.concatenate([e.trajectory.observations for e in played if e.trajectory])
    measured = measured_context(ENV_ID, ONE)
    np.testing.assert_allclose(measured.observation_mean, seen.mean(0))
    np.testing.assert_allclose(measured.observation_std, seen.std(0))
    assert (measured.observation_std > 0).all()


def test_noise_is_as_strong_as_its_unit_says(tmp_path: Path) -> None:
    """Twice the unit, twice the noise, by the strength that the shift names."""
    (strength,) = {shift_types()["sensor_noise"].strengths[1]}
    spread = []
    for unit in (1.0, 2.0):
        episodes = rollout(
            ONE, ENV_ID, ["clean", "sensor_noise@2"], range(300), context(unit, unit), record=True
        )
        seen = {(e.shift, e.seed): e.trajectory.observations for e in episodes if e.trajectory}
        noise = [seen["sensor_noise", s] - seen["clean", s] for s in range(300)]
        spread.append(float(np.std(noise)))
    assert spread[0] == pytest.approx(strength, rel=0.06)
    assert spread[1] == pytest.approx(2 * strength, rel=0.06)


def test_an_unmeasurable_unit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "broken", SEED)
    with pytest.raises(DataError, match="the unit of sensor noise cannot be measured in tests/Toy"):
        measured_context(ENV_ID, ONE)


def test_units_have_names() -> None:
    names = [
        unit_name(ENV_ID, ONE, context(1.0, 2.0)),
        unit_name(ENV_ID, ONE, context(1.0, 2.1)),
        unit_name(ENV_ID, ONE, None),
        unit_name(ENV_ID, {"other": Constant(0.0)}, None),
        unit_name("HalfCheetah-v5", ONE, None),
    ]
    assert len(set(names)) == 5
    assert names[0] == unit_name(ENV_ID, ONE, context(1.0, 2.0))
    assert names[4] == unit_name("HalfCheetah-v5", {"another": Constant(0.0)}, None)


def test_a_condition_is_its_strength_options_and_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(text: str, unit: str = "a") -> str:
        return condition_fingerprint(Condition.parse(text), unit)

    texts = ["clean", "mass@1", "mass@2", "sensor_noise@1", "mass[onset=3]@1", "mass@1+wind@1"]
    assert len(set(map(of, texts))) == len(texts)
    assert of("sensor_noise@1") != of("sensor_noise@1", "b")
    assert of("mass@1") == of("mass@1", "b")
    before = of("sensor_noise@1"), of("mass@1")
    kind = shift_types()["sensor_noise"]
    monkeypatch.setattr(kind, "strengths", (0.06, *kind.strengths[1:]))
    assert (of("sensor_noise@1"), of("mass@1")) != before and of("mass@1") == before[1]


def test_episodes_in_other_units_are_never_compared(tmp_path: Path) -> None:
    """As where an expert was evaluated alone, and then beside a student with data of its own."""
    suite, references = ["clean", "sensor_noise@2"], {"expert": 3.0, "random": 0.0}

    def play(policies: dict[str, Constant], unit: ShiftContext | None) -> None:
        evaluate(
            policies, ENV_ID, suite, 3, references=references, out=tmp_path, context=unit
        )  # fmt: skip

    play(ONE, None)
    assert len({row["condition_id"] for row in read_results(tmp_path)}) == 2
    play(ONE, None)
    both = {**ONE, "two": Constant(0.5)}
    with pytest.raises(
        DataError, match=r"sensor_noise@2 in another strength, unit or .*choose anot"
    ):
        play(both, context(1.0, 1.0))
    assert len(read_results(tmp_path)) == 6
    play(both, None)
    assert len(read_results(tmp_path)) == 12


def test_a_unit_that_no_condition_needs_is_no_obstacle(tmp_path: Path) -> None:
    for unit in (None, context(1.0, 1.0), context(2.0, 2.0)):
        evaluate(ONE, ENV_ID, ["clean"], 3, references={}, out=tmp_path, context=unit)
    assert len(read_results(tmp_path)) == 3
