"""Suites: the shipped ones, one's own, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrs_lightning import envs
from lrs_lightning.errors import LrsError
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.suites import Suite, conditions, shipped_suites
from lrs_lightning.report.wording import caveats
from lrs_lightning.rollout import RandomPolicy
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import Condition, ShiftContext, make, shift_types


def test_three_suites_ship() -> None:
    assert set(shipped_suites()) == {"smoke", "paper", "full"}


@pytest.mark.parametrize("domain", ["mujoco", "atari", "other"])
@pytest.mark.parametrize("name", ["smoke", "paper", "full"])
def test_shipped_suites_begin_clean_and_name_shifts_that_exist(name: str, domain: str) -> None:
    found = Suite.load(name).conditions(domain)
    assert found[0] == Condition("clean") and len(found) == len(set(found))
    assert name != "paper" or len(found) == 6
    types = shift_types()
    unknown = {c.shift for c in found[1:]} - set(types)
    assert not unknown
    wrong = {"mujoco": "atari", "atari": "mujoco", "other": "mujoco"}[domain]
    assert not [c for c in found[1:] if types[c.shift].domain == wrong]


def test_the_full_suite_can_be_built_for_half_cheetah() -> None:
    context = completed(ShiftContext(observation_std=np.ones(17)), envs.describe("HalfCheetah-v5"))
    for condition in Suite.load("full").conditions("mujoco"):
        make(condition, context)


@pytest.mark.parametrize(
    ("env_id", "left_out"),
    [
        ("HalfCheetah-v5", set()),
        ("Swimmer-v5", {"gravity", "friction", "damping"}),
        ("InvertedPendulum-v5", {"friction", "velocity_removed@1"}),
        ("CartPole-v1", {"action_gain"}),
    ],
)
def test_a_shipped_suite_leaves_out_what_would_change_nothing(
    env_id: str, left_out: set[str]
) -> None:
    info = envs.describe(env_id)
    every = Suite.load("full").conditions(info.domain)
    kept, why = Suite.load("full").playable(info)
    assert {text for text in why if text.split("@")[0] in left_out or text in left_out} == set(why)
    assert len(why) == sum(1 if "@" in name else 5 for name in left_out)
    assert all("\n" not in sentence for sentence in why.values())
    assert kept == [c for c in every if str(c) not in why]
    assert kept[0] == Condition("clean")
    unit = np.ones(info.observation_space.shape or ())
    context = completed(ShiftContext(observation_mean=unit, observation_std=unit), info)
    for condition in kept:
        make(condition, context)


def test_what_somebody_has_chosen_himself_is_left_to_the_rollout() -> None:
    info = envs.describe("Swimmer-v5")
    kept, why = Suite.load(["gravity@1"]).playable(info)
    assert list(map(str, kept)) == ["clean", "gravity@1"]
    assert why == {}
    with pytest.raises(LrsError, match="gravity@1 would be played without any effect"):
        make(kept[1], completed(None, info))


def test_a_suite_of_ones_own_leaves_out_what_would_change_nothing_and_hides_no_mistake(
    tmp_path: Path,
) -> None:
    info = envs.describe("Swimmer-v5")
    file = tmp_path / "mine.yaml"
    file.write_text("[gravity@1, mass@2, mass@3+friction@1]")
    kept, why = Suite.load(file).playable(info)
    assert list(map(str, kept)) == ["clean", "mass@2"]
    assert set(why) == {"gravity@1", "mass@3+friction@1"}


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("mas@2", "unknown shift 'mas': did you mean 'mass'"),
        ("mass@9", "has severities 0 to 5, not 9"),
        ("mass[onst=3]@2", "onst"),
        ("sensor_dropout[mode=zer]@2", "mode 'zer' is neither"),
        ("mass@2+frction@1", "did you mean 'friction'"),
        ("contrast@1", "contrast"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_mistake_in_a_suite_is_told_before_anything_is_played(
    tmp_path: Path, condition: str, sentence: str, named: bool
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"['{condition}']")
    with pytest.raises(LrsError, match=sentence):
        Suite.load([condition] if named else file).playable(envs.describe("Swimmer-v5"))


def test_what_is_left_out_is_in_the_summary(caplog: pytest.LogCaptureFixture) -> None:
    action = envs.describe("Swimmer-v5").action_space
    references = {"expert": None, "random": None}
    summary = evaluate({"r": RandomPolicy(action)}, "Swimmer-v5", "paper", 1, references=references)
    assert list(summary.provenance["left_out"]) == ["friction@5"]
    assert "suite 'paper' without friction@5: no two parts of Swimmer-v5 touch" in caplog.text
    assert "friction" not in {c["shift"] for c in summary.conditions}
    assert any(
        note.startswith("friction@5: not played and in no mean") for note in caveats(summary)
    )


def test_a_list_is_a_suite(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- mass@2\n- {shift: mass, severity: 3, onset: 200}\n- friction@1-3\n")
    suite = Suite.load(file)
    expected = ["clean", "mass@2", "mass[onset=200]@3", "friction@1", "friction@2", "friction@3"]
    assert suite.name == "mine"
    for domain in ("mujoco", "atari", "other"):
        assert list(map(str, suite.conditions(domain))) == expected


def test_domains_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: own\nmujoco: [mass@1]\n")
    suite = Suite.load(str(file))
    assert suite.name == "own" and len(suite.conditions("mujoco")) == 2
    with pytest.raises(LrsError, match=r"'own' has conditions for mujoco, none .* 'atari'"):
        suite.conditions("atari")


def test_clean_comes_first_and_nothing_twice() -> None:
    found = conditions(["mass@1", "clean", "mass@1"])
    assert list(map(str, found)) == ["clean", "mass@1"]
    assert Suite.load(["mass@1"]).conditions("mujoco") == list(found)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [", "is no YAML"),
        ("just words", "write a list such as"),
        ("mujoko: [mass@1]", "unknown domain in a suite 'mujoko': did you mean 'mujoco'"),
        ("mujoco: mass@1", "each domain needs a list"),
        ("name: empty", "each domain needs a list"),
        ("- mass", "severity missing; write mass@3"),
        ("- mass@3-1", "severities run upwards; write mass@1-3"),
        ("- 7", "write text such as 'mass@3'"),
        ("- !!python/object/apply:os.system ['true']", "is no YAML"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(LrsError, match=sentence):
        Suite.load(file)


def test_unknown_names() -> None:
    with pytest.raises(LrsError, match="unknown suite 'papers': did you mean 'paper'"):
        Suite.load("papers")
    with pytest.raises(LrsError, match=r"no suite at nowhere\.yaml"):
        Suite.load("nowhere.yaml")
