"""Rows and provenance say on which backend a policy was played, and a mixture is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.played_on import backend_column, backends_in_words
from lrs_lightning.nn import PolicyConfig, build_policy, cores, encoders
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.statistics.results import read_results
from lrs_lightning.statistics.summary import Summary
from tests.evaluation.toys import ENV_ID, Constant, Toy, register


def student(backend: str) -> TorchPolicy:
    core = cores.CfC(hidden_size=4, rank=2, backend=backend)
    config = PolicyConfig(encoders.Vector(features=4), core)
    torch.manual_seed(0)  # the same weights, whatever runs them
    policy = build_policy(config, Toy.observation_space, Toy.action_space)
    return TorchPolicy(policy.double())


def play(out: Path, episodes: int, backend: str) -> Summary:
    register()
    references = {"expert": 3.0, "random": 0.0}
    played: dict[str, Any] = {"one": student(backend), "two": Constant(1.0)}
    return evaluate(played, ENV_ID, ["clean"], episodes, references=references, out=out)


def test_it_stands_in_rows_and_summary(tmp_path: Path) -> None:
    summary = play(tmp_path, 2, "cpu")
    found = {row["policy"]: row.get("backend") for row in read_results(tmp_path)}
    assert found == {"one": "cpu", "two": None}
    assert summary.provenance["backends"] == {"one": "cfc on cpu (asked for)", "two": ""}


def test_going_on_with_another_backend_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    play(tmp_path, 2, "cpu")
    assert "different backends" not in caplog.text
    rows = [{**row, "backend": "native"} for row in read_results(tmp_path)]
    told = backends_in_words({"one": student("cpu")}, rows)
    assert told == {"backends": "cfc on cpu (asked for); before: native"}
    summary = play(tmp_path, 3, "reference")
    backends = {row.get("backend") for row in read_results(tmp_path) if row["policy"] == "one"}
    assert backends == {"cpu", "reference"}
    assert "(cpu: one; reference: one)" in caplog.text
    assert "before: cpu" in summary.provenance["backends"]["one"]


def test_policies_of_others_say_nothing() -> None:
    assert backend_column(Constant(1.0)) == {}
    assert backends_in_words({"one": Constant(1.0)}, []) == {}
