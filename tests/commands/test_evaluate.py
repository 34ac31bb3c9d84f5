"""The verb from the command line's first word to its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lrs_lightning.cli import main
from lrs_lightning.evaluation.policies import Candidate
from lrs_lightning.nn import PolicyConfig, build_policy, cores, encoders
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.training import candidate
from tests.evaluation.toys import ENV_ID, Toy, register

POLICIES = """
import numpy as np
def still(observations):
    return np.zeros((len(observations), 1), np.float32)
def full(observations):
    return np.ones((len(observations), 1), np.float32)
"""
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])}
OPTIONS = ["--env", ENV_ID, "--suite", "mine.yaml", "--episodes", "4"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Toy, "broken", None)
    (tmp_path / "toy_policies.py").write_text(POLICIES)
    (tmp_path / "mine.yaml").write_text("- sensor_delay@1\n")
    return tmp_path


def test_one_policy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--policy", "toy_policies:full", *OPTIONS, "--out", "out"]) == 0
    shown = capsys.readouterr().out
    assert "sensor_delay@1" in shown and "report: " in shown
    files = sorted(f.name for f in (folder / "out").iterdir())
    assert files == ["references.jsonl", "report.html", "results.jsonl", "summary.json"]
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["policy"] == {"name": "full", "kind": "function", "source": "toy_policies:full"}
    assert summary["conditions"][0]["episodes"] == 4
    assert summary["provenance"]["suite"] == "mine"


def test_several_policies_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["toy_policies:full", "lazy=toy_policies:still"]
    assert main(["evaluate", "--policy", *words, *OPTIONS]) == 0
    out = folder / "runs" / "evaluate" / f"full-vs-lazy-{ENV_ID.replace('/', '-')}-mine"
    summary = json.loads((out / "summary.json").read_text())
    assert [other["policy"]["name"] for other in summary["others"]] == ["lazy"]
    assert summary["differences"][0]["difference"] == pytest.approx(3.0)
    assert "paired differences" in capsys.readouterr().out


def test_failed_episodes_are_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Toy, "broken", 10_002)
    assert main(["evaluate", "--policy", "toy_policies:full", *OPTIONS, "--out", "out"]) == 3
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence.startswith("error: 2 episodes failed and are left out (the first, ")
    assert "the simulator is unstable" in sentence
    monkeypatch.setattr(Toy, "broken", None)
    assert main(["evaluate", "--policy", "toy_policies:full", *OPTIONS, "--out", "out"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--policy", "nonsense"], "policy 'nonsense': give a checkpoint"),
        (
            ["--policy", "toy_policies:full", "--suit", "paper"],
            "unknown option --suit: did",
        ),
        (
            ["--policy", "toy_policies:full", "--episodes", "0"],
            "expected a whole number of at",
        ),
        (["--policy", "toy_policies:full", "--suite", "papper"], "unknown suite 'papper': did"),
        (["--policy", "toy_policies:full", "--env", "HalfCheeta-v5"], "unknown environment"),
        (["--policy", "shipped", "--env", ENV_ID, "--suite", "smoke"], "unknown shipped expert"),
        (["--policy", "no/run.ckpt"], "no checkpoint at no/run.ckpt"),
        ([], "required and not given: --policy"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    before = sorted(folder.iterdir())
    assert main(["evaluate", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and sentence in error
    assert error.count("\n") == 1 and "Traceback" not in error
    assert sorted(p for p in folder.iterdir() if p.name != "__pycache__") == before


def test_a_policy_of_other_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    Path("heavy.yaml").write_text("[mass@1]")
    words = ["--policy", "toy_policies:full", "--env", "HalfCheetah-v5", "--suite", "heavy.yaml"]
    assert main(["evaluate", *words, "--episodes", "1"]) == 2
    assert "gives actions of shape" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("runs/a", "a"),
        ("runs/a/checkpoints/last.ckpt", "a"),
        ("runs/a/checkpoints/epoch=3.ckpt", "a-epoch=3"),
        ("weights.ckpt", "weights"),
    ],
)
def test_names_of_checkpoints(folder: Path, path: str, name: str) -> None:
    if not path.endswith(".ckpt"):
        (folder / path).mkdir(parents=True)
    assert candidate.run_name(Path(path)) == name


def test_a_trained_policy_plays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    config = PolicyConfig(encoders.Vector(features=8), cores.CfC(hidden_size=4, rank=2))
    policy = build_policy(config, Toy.observation_space, Toy.action_space)
    monkeypatch.setattr(
        candidate,
        "load_candidate",
        lambda path: Candidate(path.stem, TorchPolicy(policy, Toy.action_space), {}, ENV_ID),
    )
    assert (
        main(["evaluate", "--policy", "run.ckpt", "--suite", "mine.yaml", "--episodes", "3"]) == 0
    )
    assert "run on " + ENV_ID in capsys.readouterr().out


UNASKED = """
import sys, lrs_lightning.training.loading
assert 'lightning' not in sys.modules, 'loading a policy needs Lightning'
import lrs_lightning.training.trainer_cli, lrs_lightning.evaluation.evaluate
from lrs_lightning import envs
envs.make('HalfCheetah-v5', 1).close()
assert 'ale_py' not in sys.modules, 'a MuJoCo task needs the emulator'
"""


def test_what_nobody_asked_for_is_not_imported() -> None:
    """Lightning takes seconds; the emulator is under the GPL, which docs/licences.md speaks of."""
    done = subprocess.run(
        [sys.executable, "-c", UNASKED], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
