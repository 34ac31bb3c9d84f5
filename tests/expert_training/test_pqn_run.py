"""A training that was interrupted equals one that was not, to the last bit."""

from __future__ import annotations

import csv
import os
import pickle
import signal

import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.errors import ArgumentError, DataError, NotFiniteError
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, CURVE, read_checkpoint, train_expert
from lrs_lightning.stopping import SIGNALS, Interrupted

TINY = {
    "env_id": "Breakout",
    "num_envs": 2,
    "rollout_steps": 8,
    "minibatch": 8,
    "checkpoint_rollouts": 2,
    "epsilon_decisions": 64,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a training of 96 decisions comes to that nothing interrupts."""
    return train_expert(PQNConfig(decisions=96, **TINY), tmp_path_factory.mktemp("whole"))


def test_resuming_is_exact(whole, tmp_path):
    config = PQNConfig(decisions=96, **TINY)

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
        train_expert(PQNConfig(decisions=32, gamma=0.9, **TINY), tmp_path)
    # The learning rate falls with the share that is done: a longer training is another one.
    with pytest.raises(ArgumentError, match=r"another recipe: decisions \(was 32, is 64\)"):
        train_expert(PQNConfig(decisions=64, **TINY), tmp_path)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, capsys):
    config = PQNConfig(decisions=64, **TINY)
    whole = train_expert(config, tmp_path)
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / CHECKPOINT).write_bytes(content)
    again = train_expert(config, tmp_path)
    assert "of 32 decisions takes its place" in capsys.readouterr().err
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor)


def test_a_signal_ends_it_and_the_same_command_goes_on(whole, tmp_path):
    config = PQNConfig(decisions=96, **TINY)

    def stop(row):
        if row["decisions"] == 80:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="64 decisions are saved"), SIGNALS.listening():
        train_expert(config, tmp_path / "cut", report=stop, log_rollouts=1)
    cut = train_expert(config, tmp_path / "cut")
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(cut.network.state_dict()[name], tensor)


def test_what_is_not_finite_stops_it_and_is_never_saved(tmp_path):
    config = PQNConfig(decisions=96, learning_rate=1e30, **TINY)
    with pytest.raises(NotFiniteError, match="finite|diverged"):
        train_expert(config, tmp_path)
    for path in tmp_path.glob("*.ckpt"):
        for weight in read_checkpoint(path)["network"].values():
            assert torch.isfinite(weight).all()


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
