"""The scale of normalised returns: played on the seeds that are judged, kept, and used again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.evaluation import references as module
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.references import References
from lrs_lightning.rollout import RandomPolicy, rollout
from lrs_lightning.statistics.results import read_results
from tests.evaluation.toys import ENV_ID, Constant, Toy, register

SEEDS = range(10_000, 10_006)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's expert, called `shipped` or `good`, always gives 1; `poor` gives -1."""
    register()
    monkeypatch.setattr(Toy, "broken", None)
    monkeypatch.setattr(Toy, "uneven", False)
    real = module.load_expert

    def load(source: str, env_id: str) -> Any:
        known = {"shipped": Constant(1.0), "good": Constant(1.0), "poor": Constant(-1.0)}
        return known[source] if source in known and env_id == ENV_ID else real(source, env_id)

    monkeypatch.setattr(module, "load_expert", load)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which episodes are really played."""
    found: list[tuple[str, int]] = []

    def watched(policies: Any, env_id: str, conditions: Any, seeds: Any, **options: Any) -> Any:
        for episode in rollout(policies, env_id, conditions, seeds, **options):
            found.append((episode.policy, episode.seed))
            yield episode

    monkeypatch.setattr(module, "rollout", watched)
    return found


def mean_return(policy: Any, seeds: Any) -> float:
    episodes = rollout({"p": policy}, ENV_ID, ["clean"], list(seeds))
    return float(np.mean([e.return_ for e in sorted(episodes, key=lambda e: e.seed)]))


@pytest.mark.parametrize("seeds", [SEEDS, range(500, 503), range(10_000, 10_030)])
def test_both_play_the_very_seeds_that_are_judged(seeds: range) -> None:
    found = References(ENV_ID, "good").over(seeds)
    assert found["expert"] == pytest.approx(mean_return(Constant(1.0), seeds))
    assert found["random"] == pytest.approx(mean_return(RandomPolicy(Toy.action_space), seeds))
    others = References(ENV_ID, "good").over(range(seeds.stop, seeds.stop + len(seeds)))
    assert others != found


def test_each_seed_is_played_once(played: list[Any], tmp_path: Path) -> None:
    references = References(ENV_ID, "good", tmp_path)
    references.over(SEEDS[:2])
    assert sorted(played) == [(who, s) for who in ("expert", "random") for s in SEEDS[:2]]
    whole = references.over(SEEDS)
    assert len(played) == 2 * len(SEEDS)
    assert References(ENV_ID, "good", tmp_path).over(SEEDS) == whole
    assert References(ENV_ID, known=[tmp_path]).over(SEEDS) == whole
    assert len(played) == 2 * len(SEEDS)
    assert whole == References(ENV_ID, "good").over(SEEDS)
    rows = read_results(tmp_path / "references.jsonl")
    assert len(rows) == 2 * len(SEEDS)
    assert {(r["policy"], r["source"]) for r in rows} == {("expert", "good"), ("random", "random")}


def test_what_is_used_again_is_kept_beside_the_new_results(tmp_path: Path) -> None:
    whole = References(ENV_ID, "good", tmp_path / "run").over(SEEDS)
    for _ in range(2):
        assert (
            References(ENV_ID, out=tmp_path / "new", known=[tmp_path / "run"]).over(SEEDS) == whole
        )
    assert len(read_results(tmp_path / "new" / "references.jsonl")) == 2 * len(SEEDS)


def edit(file: Path, **changes: Any) -> None:
    rows = [json.loads(line) | changes for line in file.read_text().splitlines()]
    for row in rows:
        del row["crc32"]  # of a line that somebody wrote by hand
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": "gymnasium 1.0, mujoco 3.1, ale-py 0.9"},
        {"policy_id": "another"},
        {"env": "Other-v0"},
        {"shift": "mass", "severity": 3, "condition": "mass@3"},
        {"status": "failed"},
    ],
    ids=lambda c: next(iter(c)),
)
def test_what_differs_is_played_anew(
    changes: dict[str, Any], played: list[Any], tmp_path: Path
) -> None:
    whole = References(ENV_ID, "good", tmp_path).over(SEEDS)
    edit(tmp_path / "references.jsonl", **{"return": -50.0} | changes)
    played.clear()
    assert References(ENV_ID, "good", tmp_path).over(SEEDS) == whole
    assert len(played) == 2 * len(SEEDS)
    assert References(ENV_ID, "good", tmp_path).over(SEEDS) == whole


def test_another_expert_is_played_anew(played: list[Any], tmp_path: Path) -> None:
    good = References(ENV_ID, "good", tmp_path).over(SEEDS)
    played.clear()
    poor = References(ENV_ID, "poor", tmp_path).over(SEEDS)
    assert {who for who, _ in played} == {"expert"} and poor["random"] == good["random"]
    assert poor["expert"] == pytest.approx(good["expert"] - 6, abs=1e-5)  # three steps


def test_the_expert_of_a_run_is_who_demonstrated_for_it(tmp_path: Path) -> None:
    poor = References(ENV_ID, "poor", tmp_path).over(SEEDS[:1])
    again = References(ENV_ID, known=[tmp_path])
    assert again.expert == "poor" and again.over(SEEDS[:1]) == poor


def test_who_cannot_be_loaded_gives_way_to_the_shipped_expert() -> None:
    references = References(ENV_ID, "ncps")
    assert references.expert == "shipped"
    assert references.over(SEEDS)["expert"] == pytest.approx(mean_return(Constant(1.0), SEEDS))


def test_without_any_expert_there_is_the_random_policy_alone() -> None:
    found = References("CartPole-v1", "ncps")
    assert found.expert is None and set(found.over(range(2))) == {"random"}


def test_without_bounds_there_is_no_random_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "action_space", gym.spaces.Box(-np.inf, np.inf, (1,)))
    gym.register("tests/Boundless-v0", entry_point=Toy)
    assert References("tests/Boundless-v0").over(range(2)) == {}


def test_episodes_that_fail_do_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Toy, "broken", SEEDS[1])
    found = References(ENV_ID, "good", tmp_path).over(SEEDS[:3])
    assert found["expert"] == pytest.approx(mean_return(Constant(1.0), [SEEDS[0], SEEDS[2]]))
    monkeypatch.setattr(Toy, "broken", None)
    mended = References(ENV_ID, "good", tmp_path).over(SEEDS[:3])
    assert mended["expert"] == pytest.approx(mean_return(Constant(1.0), SEEDS[:3]))


def test_an_evaluation_has_its_references_beside_its_results(tmp_path: Path) -> None:
    summary = evaluate(
        {"half": Constant(0.5)}, ENV_ID, ["clean"], 6, references=References(ENV_ID, out=tmp_path),
        out=tmp_path,
    )  # fmt: skip
    assert summary.references == References(ENV_ID, out=tmp_path).over(SEEDS)
    assert summary.provenance["expert"] == "shipped"
    expert, random = summary.references["expert"], summary.references["random"]
    share = (summary.conditions[0]["return_mean"] - random) / (expert - random)
    assert summary.conditions[0]["expert_normalized"] == pytest.approx(share)
    default = evaluate({"half": Constant(0.5)}, ENV_ID, ["clean"], 6)
    assert default.references == summary.references
    given = evaluate({"half": Constant(0.5)}, ENV_ID, ["clean"], 6, references={"expert": 9.0})
    assert given.references == {"expert": 9.0}
