"""A training that was interrupted equals one that was not, to the last bit."""

from __future__ import annotations

import csv
import os
import pickle

import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, CURVE, read_checkpoint, train_expert

TINY = {
    "env_id": "Breakout",
    "num_envs": 2,
    "rollout_steps": 8,
    "minibatch": 8,
    "checkpoint_rollouts": 2,
    "epsilon_decisions": 64,
}


def test_resuming_is_exact(tmp_path):
    config = PQNConfig(decisions=96, **TINY)
    whole = train_expert(config, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def interrupt(row):
        if row["decisions"] == 80:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_expert(config, tmp_path / "parts", report=interrupt, log_rollouts=1)
    assert read_checkpoint(tmp_path / "parts" / CHECKPOINT)["decisions"] == 64
    parts = train_expert(config, tmp_path / "parts", log_rollouts=1)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], tensor, rtol=0, atol=0)
    assert parts.finished == whole.finished
    with (tmp_path / "parts" / CURVE).open() as file:
        steps = [int(row["decisions"]) for row in csv.DictReader(file)]
    assert steps == [16, 32, 48, 64, 80, 96]


def test_another_recipe_is_refused(tmp_path):
    train_expert(PQNConfig(decisions=32, **TINY), tmp_path)
    with pytest.raises(ArgumentError, match=r"another recipe: gamma \(was 0.99, is 0.9\)"):
        train_expert(PQNConfig(decisions=64, gamma=0.9, **TINY), tmp_path)


class Malice:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("content", ["text", "pickle", "torch"])
def test_a_foreign_checkpoint_is_told_and_never_run(tmp_path, content):
    path, trace = tmp_path / CHECKPOINT, tmp_path / "ran"
    if content == "text":
        path.write_text("no checkpoint")
    elif content == "pickle":
        path.write_bytes(pickle.dumps(Malice(trace)))
    else:
        torch.save({"config": Malice(trace)}, path)
    with pytest.raises(DataError, match="is not a checkpoint of an expert's training"):
        train_expert(PQNConfig(decisions=32, **TINY), tmp_path)
    assert not trace.exists()


def test_minibatches_must_divide_a_rollout():
    with pytest.raises(ArgumentError, match="minibatch 7 does not divide"):
        PQNConfig(minibatch=7)


def test_epsilon_and_rate_fall_and_stay():
    config = PQNConfig(decisions=1000, epsilon_decisions=100, epsilon_last=0.02)
    assert config.epsilon(0) == 1.0 and config.epsilon(50) == pytest.approx(0.51)
    assert config.epsilon(100) == config.epsilon(10**9) == 0.02
    assert config.rate(0) == 2.5e-4 and config.rate(1000) == config.rate(2000) == pytest.approx(
        2.5e-5
    )
