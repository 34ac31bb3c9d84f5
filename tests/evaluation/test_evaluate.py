"""From policies to a summary: pairs, resume, failures, unbiased means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lrs_lightning.errors import LrsError
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.identity import fingerprint
from lrs_lightning.experts import load_expert
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.statistics.results import read_results
from lrs_lightning.statistics.summary import Summary, summarize
from lrs_lightning.stopping import Interrupted
from lrs_lightning.training.candidate import told_by_summary
from tests.evaluation.toys import ENV_ID, Constant, Toy, register

SUITE = ["clean", "sensor_dropout@3", "sensor_delay@1"]
REFERENCES = {"expert": 3.0, "random": 0.0}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setattr(Toy, "broken", None)
    monkeypatch.setattr(Toy, "uneven", False)


def play(
    out: Path | None = None, policies: Any = None, episodes: int = 8, **options: Any
) -> Summary:
    options = {"references": REFERENCES, "suite": SUITE, **options}
    return evaluate(
        policies or {"one": Constant(1.0)}, ENV_ID, episodes=episodes, out=out, **options
    )


def returns(out: Path) -> dict[tuple[Any, ...], float]:
    rows = read_results(out)
    return {(r["policy"], r["condition"], r["seed"]): r["return"] for r in rows}


def test_summary_and_files(tmp_path: Path) -> None:
    summary = play(tmp_path, about={"one": {"cell": "none"}})
    assert sorted(f.name for f in tmp_path.iterdir()) == ["results.jsonl", "summary.json"]
    assert [c["condition"] for c in summary.conditions] == SUITE
    rows = read_results(tmp_path)
    assert len(rows) == 24 and {row["seed"] for row in rows} == set(range(10_000, 10_008))
    clean = [r["return"] for r in rows if r["shift"] == "clean"]
    assert summary.conditions[0]["return_mean"] == pytest.approx(np.mean(clean))
    assert summary.policy == {"name": "one", "cell": "none"}
    assert summary.provenance["seeds"] == list(range(10_000, 10_008))
    assert {"versions", "commit", "device", "date", "threads", "run"} <= set(summary.provenance)
    assert {row["run"] for row in rows} == {summary.provenance["run"]}
    assert Summary.read(tmp_path).conditions == summary.conditions


def test_same_seed_same_luck_in_every_condition_and_for_every_policy(tmp_path: Path) -> None:
    play(tmp_path, {"one": Constant(1.0), "half": Constant(0.5)})
    found = returns(tmp_path)
    for seed in range(10_000, 10_008):
        difference = found["one", "clean", seed] - found["half", "clean", seed]
        assert difference == pytest.approx(1.5, abs=1e-6)


def test_several_policies_are_compared_in_pairs() -> None:
    summary = play(None, {"one": Constant(1.0), "half": Constant(0.5)})
    assert [s.name for s in summary.all] == ["one", "half"]
    clean, *_, overall = summary.differences
    assert (clean["a"], clean["b"], clean["condition"]) == ("one", "half", "clean")
    assert clean["difference"] == pytest.approx(1.5, abs=1e-6)
    assert clean["ci95"] == pytest.approx([1.5, 1.5], abs=1e-6)  # the luck is the same for both
    assert overall["condition"] == "all shifts" and overall["episodes"] == 16


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.5, 0.99])
def test_a_killed_evaluation_goes_on_where_it_stopped(tmp_path: Path, cut: float) -> None:
    whole = play(tmp_path / "whole")
    play(tmp_path / "cut")
    file = tmp_path / "cut" / "results.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[: int(cut * len(content))])
    kept = file.read_bytes().count(b"\n")
    played: list[Any] = []
    resumed = play(tmp_path / "cut", on_episode=played.append)
    assert len(played) == 24 - kept
    assert returns(tmp_path / "cut") == returns(tmp_path / "whole")
    assert resumed.conditions == whole.conditions


def test_nothing_is_played_twice_and_more_episodes_are_added(tmp_path: Path) -> None:
    play(tmp_path, episodes=4)
    calls: list[int] = []
    play(tmp_path, {"one": Constant(1.0, calls)}, episodes=4)
    assert not calls
    assert play(tmp_path, episodes=8).conditions == play(None, episodes=8).conditions
    assert len(read_results(tmp_path)) == 24


def test_whoever_interrupts_has_the_summary_of_what_was_played(tmp_path: Path) -> None:
    def interrupt(row: Any) -> None:
        rows.append(row)
        if len(rows) == 5:
            raise Interrupted(2)

    rows: list[Any] = []
    with pytest.raises(Interrupted, match="SIGINT; 5 of 24 episodes are played") as stopped:
        play(tmp_path, about={"one": {"cell": "none"}}, on_episode=interrupt)
    partial = stopped.value.partial
    assert partial.policy == {"name": "one", "cell": "none"}
    assert sum(c["episodes"] for c in partial.conditions) == len(read_results(tmp_path)) == 5
    assert partial.provenance["seeds"] == list(range(10_000, 10_008))
    assert not (tmp_path / "summary.json").exists(), "it is not the whole"


def test_an_interruption_before_the_first_episode_has_no_summary(tmp_path: Path) -> None:
    def interrupt(progress: Any) -> None:
        raise Interrupted(15)

    with pytest.raises(Interrupted, match="SIGTERM; 0 of 24 episodes are played") as stopped:
        play(tmp_path, on_progress=interrupt)
    assert stopped.value.partial is None


def test_steps_of_training_are_kept_apart(tmp_path: Path) -> None:
    play(tmp_path, {"one": Constant(0.0)}, step=10)
    later = play(tmp_path, {"one": Constant(1.0)}, step=20)
    rows = read_results(tmp_path)
    assert sorted({r["step"] for r in rows}) == [10, 20] and len(rows) == 48
    assert later.conditions == play(None, {"one": Constant(1.0)}).conditions


def test_another_policy_of_the_same_name_is_refused(tmp_path: Path) -> None:
    play(tmp_path)
    with pytest.raises(LrsError, match="episodes of another policy named 'one': choose another"):
        play(tmp_path, {"one": Constant(0.5)})


def test_another_simulator_is_refused(tmp_path: Path) -> None:
    play(tmp_path)
    file = tmp_path / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["versions"] = row["versions"].replace("mujoco 4", "mujoco 3")
        del row["crc32"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(LrsError, match=r"holds episodes of mujoco 3\..* is installed"):
        play(tmp_path)


def test_an_environment_that_raises_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = play(None)
    monkeypatch.setattr(Toy, "broken", 10_003)
    summary = play(tmp_path)
    assert summary.failed == 3
    assert [c["episodes"] for c in summary.conditions] == [7, 7, 7]
    failed = [r for r in read_results(tmp_path) if r["status"] == "failed"]
    assert {r["seed"] for r in failed} == {10_003}
    assert "the simulator is unstable" in failed[0]["error"]
    monkeypatch.setattr(Toy, "broken", None)
    mended = play(tmp_path)  # failed episodes are played again
    assert mended.failed == 0 and mended.conditions == whole.conditions


def test_lengths_of_1_and_1000_give_the_true_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step earns 1 plus luck around 0: the truth is 1001 / 2, not that of short ones."""
    monkeypatch.setattr(Toy, "uneven", True)
    clean = play(None, episodes=200, suite=["clean"]).conditions[0]
    low, high = clean["return_ci95"]
    assert low <= 500.5 <= high
    assert clean["length_mean"] == pytest.approx(500.5, abs=110)


def test_random_policy_is_measured_where_no_reference_is_given() -> None:
    summary = play(None, references=None)
    assert set(summary.references) == {"random"}  # no expert of this task ships
    assert summary.conditions[0]["expert_normalized"] is None


def test_two_evaluations_are_identical_whatever_the_threads() -> None:
    policy = {"expert": load_expert("shipped", "HalfCheetah-v5")}
    options: dict[str, Any] = {"references": REFERENCES, "suite": ["clean", "mass@1"]}
    runs = []
    for threads in (1, 2, 3):
        rows: list[Any] = []
        evaluate(
            policy, "HalfCheetah-v5", episodes=2, threads=threads, on_episode=rows.append, **options
        )
        runs.append({(r["condition"], r["seed"]): r["return"] for r in rows})
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"episodes": 0}, "episodes: 0 is not a number of at least 1"),
        ({"suite": ["mass@3"]}, "'mass' acts on MuJoCo's physics, which tests/Toy-v0 does not"),
        ({"suite": ["sensor_delay@9"]}, "severities 0 to 5, not 9"),
        (
            {"suite": ["sensor_delya@1"]},
            "unknown shift 'sensor_delya': did you mean 'sensor_delay'",
        ),
    ],
)
def test_bad_input_leaves_nothing_behind(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LrsError, match=sentence):
        play(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_policy_of_another_task(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match="policy 'expert' "):
        play(tmp_path / "out", {"expert": load_expert("shipped", "HalfCheetah-v5")})
    assert not (tmp_path / "out").exists()


def test_fingerprint_of_weights() -> None:
    one = load_expert("shipped", "HalfCheetah-v5")
    same, other = load_expert("shipped", "HalfCheetah-v5"), load_expert("shipped", "HalfCheetah-v5")
    other.layers[0] = (other.layers[0][0] * 2, other.layers[0][1])
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    network = torch.nn.Linear(2, 1)
    student = TorchPolicy(network, Toy.action_space)
    before = fingerprint(student)
    assert before == fingerprint(TorchPolicy(network, Toy.action_space))
    with torch.no_grad():
        network.bias += 1
    assert fingerprint(student) != before
    assert fingerprint(object()) is None  # type: ignore[arg-type]


def of_seed(seed: int) -> dict[str, Any]:
    seeds = {"data": 7, "initialisation": seed, "mask": seed, "training": seed}
    return {"seeds": seeds, "configuration": {"model.lr": 0.1}}


def test_rows_and_summary_tell_the_training_seeds_and_compare_methods(tmp_path: Path) -> None:
    policies = {f"v{s}": Constant(0.1 * s) for s in range(3)} | {"other": Constant(1.0)}
    about = {f"v{s}": of_seed(s) for s in range(3)}
    summary = play(tmp_path, policies, episodes=4, about=about)
    for row in read_results(tmp_path):
        seed = row.get("training_seed")
        assert row["policy"] == ("other" if seed is None else f"v{seed}")
        assert (row.get("data_seed"), row.get("mask_seed")) == ((None if seed is None else 7), seed)
        assert row["terminated"] is True and row["fell_at"] == row["length"] == 3
    assert [m["policies"] for m in summary.methods] == [["v0", "v1", "v2"], ["other"]]
    assert summary.policy["seeds"]["training"] == 0
    with pytest.raises(LrsError, match="there is no such policy: there are v0, v1, v2, other"):
        play(tmp_path / "new", policies, groups={"mine": ["v9"]})
    assert not (tmp_path / "new").exists(), "said before anything is played"
    named = play(tmp_path, policies, episodes=4, about=about, groups={"mine": ["v0", "other"]})
    assert [m["name"] for m in named.methods] == ["mine", "like v1"]


def test_episodes_of_other_starts_differ_and_the_same_ones_are_one_outcome(tmp_path: Path) -> None:
    summary = play(tmp_path, episodes=6)
    assert all(c["outcomes"] == c["episodes"] == 6 for c in summary.conditions)
    same = [{**row, "outcome": "one"} for row in read_results(tmp_path)]
    (again,) = {c["outcomes"] for c in summarize(same).conditions}
    assert again == 1 and summarize(same).conditions[0]["return_ci95"] == [None, None]


def test_the_seeds_of_a_run_are_found_in_its_summary(tmp_path: Path) -> None:
    play(tmp_path / "run", {"policy": Constant(0.5)}, episodes=2, about={"policy": of_seed(3)})
    assert told_by_summary(tmp_path / "run") == of_seed(3)
    (tmp_path / "run" / "summary.json").write_text("{")
    assert told_by_summary(tmp_path / "run") == told_by_summary(tmp_path) == {}
