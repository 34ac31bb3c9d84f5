"""A number that is not finite ends a `fit` at once, and reaches neither a weight nor a file."""

from __future__ import annotations

import math
import shutil
from types import SimpleNamespace

import gymnasium as gym
import h5py
import numpy as np
import pytest
import torch
from lightning.pytorch.trainer.states import RunningStage

from lrs_lightning.cli import main
from lrs_lightning.data import RandomBatches, Windows
from lrs_lightning.errors import NotFiniteError
from lrs_lightning.evaluation import evaluate
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.training import ImitationModule, load_policy
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.checkpoint_files import load_checkpoint
from tests.reliability.hostile_store import sealed
from tests.selection import long_only

pytestmark = pytest.mark.usefixtures("short_episodes")


@pytest.fixture(autouse=True)
def no_closed_loop(monkeypatch):
    monkeypatch.setattr(ShiftedEvaluation, "_report", lambda *_: None)


def spoil_loss(monkeypatch, at: int, value: float) -> list[torch.Tensor]:
    """Make the loss of one update `value`; returns where the weights before it will be put."""
    step, before = ImitationModule.training_step, []

    def spoiled(self, batch, batch_idx):
        loss = step(self, batch, batch_idx)
        if self.trainer.global_step in range(at, at + 1):
            before.extend(p.detach().clone() for p in self.parameters())
            return loss * value
        return loss

    monkeypatch.setattr(ImitationModule, "training_step", spoiled)
    return before


def checkpoints_of(folder):
    return {path.name: load_checkpoint(path)[0] for path in folder.rglob("*.ckpt")}


def assert_finite(folder):
    for name, checkpoint in checkpoints_of(folder).items():
        for key, weight in checkpoint["state_dict"].items():
            assert torch.isfinite(weight).all(), f"{name}: {key}"


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, math.nan), (6, math.inf), (12, math.nan)]
    + [long_only(case) for case in [(0, math.inf), (6, math.nan), (12, math.inf)]],
)
def test_a_loss_that_is_not_finite_stops_at_once(
    fit_words, tmp_path, monkeypatch, capsys, at, value
):
    before = spoil_loss(monkeypatch, at, value)
    assert main([*fit_words, f"--trainer.logger.save_dir={tmp_path}"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: update {at + 1}, batch {at}: the loss is {value:g}")
    assert "the batch itself is finite" in told
    assert_finite(tmp_path)
    last = checkpoints_of(tmp_path)["last.ckpt"]
    assert last["global_step"] == at + 1
    weights = [w for k, w in last["state_dict"].items() if k.startswith("policy.")]
    kept = {tuple(w.flatten().tolist()) for w in weights}
    assert {tuple(w.flatten().tolist()) for w in before} <= kept  # the weights of the last update


def test_skipping_leaves_the_update_out_and_counts(fit_words, tmp_path, monkeypatch, capsys):
    spoil_loss(monkeypatch, 5, math.nan)
    words = [*fit_words, f"--trainer.logger.save_dir={tmp_path}", "--guard.action=skip"]
    assert main(words) == 0
    assert capsys.readouterr().err.count("Skipped, the 1. so far") == 1
    assert_finite(tmp_path)
    last = checkpoints_of(tmp_path)["last.ckpt"]
    assert last["global_step"] == 30
    assert last["callbacks"]["FiniteGuard"] == {"skipped": 1, "in_a_row": 0}
    moments = last["optimizer_states"][0]["state"].values()
    assert {int(state["step"]) for state in moments} == {29}


def test_skipping_has_a_limit(fit_words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        ImitationModule, "training_step", lambda self, *_: next(self.parameters()).sum() * math.nan
    )
    words = [*fit_words, f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*words, "--guard.action=skip", "--guard.limit=3"]) == 2
    assert "update 4, batch 3: the loss is nan" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_that_goes_on_counts_on_from_what_was_skipped(fit_words, tmp_path, monkeypatch):
    monkeypatch.setattr(
        ImitationModule, "training_step", lambda self, *_: next(self.parameters()).sum() * math.nan
    )
    words = [*fit_words, f"--trainer.logger.save_dir={tmp_path}", "--guard.action=skip"]
    assert main([*words, "--guard.limit=3"]) == 2
    assert main([*words, "--guard.limit=8", "--ckpt_path=last"]) == 2
    last = checkpoints_of(tmp_path)["last.ckpt"]
    assert last["global_step"] == 9  # and not 3 + 1 + 8 + 1
    assert last["callbacks"]["FiniteGuard"] == {"skipped": 9, "in_a_row": 9}


def spoil_windows(monkeypatch, episodes, spoil):
    """Have `spoil` alter what was read from the store, where it is so many episodes."""
    make = Windows.__init__

    def spoiled(self, given, *rest):
        make(self, given, *rest)
        if len(given) == episodes:
            spoil(self)

    monkeypatch.setattr(Windows, "__init__", spoiled)


# The held-out episode is the fourth: step 130 of the others is step 10 of the fifth, and step 20
# of what is held out is its own.
@pytest.mark.parametrize(
    ("episodes", "row", "place"),
    [(5, 130, "episode 4, step 10"), (1, 20, "episode 3, step 20")],
    ids=["training", "held-out"],
)
@pytest.mark.parametrize(
    ("what", "value", "fault"),
    [
        ("observations", math.nan, "are not finite"),
        ("labels", math.nan, "are not finite"),
        ("labels", -1e30, "are too large to be squared (-1e+30)"),
    ],
    ids=["observations", "labels", "large labels"],
)
def test_a_bad_batch_is_named_by_file_episode_step_and_channel(
    fit_words, store, tmp_path, monkeypatch, capsys, episodes, row, place, what, value, fault
):
    """The fourth of the six episodes is held out, so that row 130 is in the fifth."""

    def spoil(windows):
        getattr(windows, what)[row, 2] = value

    spoil_windows(monkeypatch, episodes, spoil)
    assert main([*fit_words, f"--trainer.logger.save_dir={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert f"its {what} {fault}, first in window " in told.splitlines()[-1]
    assert f", channel 2 ({store}/episodes.h5, {place})" in told.splitlines()[-1]
    assert_finite(tmp_path)


def test_of_batches_that_make_one_update_the_bad_one_is_named(
    fit_words, store, tmp_path, monkeypatch, capsys
):
    def spoil(windows):
        windows.labels[130, 2] = math.nan

    spoil_windows(monkeypatch, 5, spoil)
    monkeypatch.setattr(RandomBatches, "batch", lambda _, k: np.full(4, 130 if k == 4 else 0))
    words = [*fit_words, "--trainer.accumulate_grad_batches=2", "--trainer.max_steps=12"]
    assert main([*words, f"--trainer.logger.save_dir={tmp_path}"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "update 3, batch 5: " in told
    assert "of its batch 4 the labels are not finite, first in window 0 at step 0, " in told
    assert f"channel 2 ({store}/episodes.h5, episode 4, step 10)" in told


def test_a_bad_number_in_a_store_is_named_before_anything_is_trained(
    fit_words, store, tmp_path, capsys
):
    shutil.copytree(store, tmp_path / "bad")
    with h5py.File(tmp_path / "bad" / "episodes.h5", "r+") as file:
        file["episodes/00004/observations"][10, 2] = math.nan
    sealed(tmp_path / "bad")
    words = [*fit_words, f"--data.path={tmp_path / 'bad'}"]
    assert main([*words, f"--trainer.logger.save_dir={tmp_path / 'runs'}"]) == 2
    place = "episodes.h5, episode 4: observations at step 10, channel 2 (nan) is not finite"
    assert place in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_an_update_that_overflows_is_never_saved(fit_words, tmp_path, capsys):
    words = [*fit_words, f"--trainer.logger.save_dir={tmp_path}", "--model.lr=1e38"]
    assert main(words) == 2
    assert "finite" in capsys.readouterr().err.splitlines()[-1]
    assert_finite(tmp_path)


def test_the_guard_lets_finite_updates_be(fit_words, tmp_path):
    guard = FiniteGuard()
    guard.on_before_backward(None, None, torch.tensor(1.0))
    assert guard.allows(torch.tensor(2.0)) and guard.skipped == 0
    assert not guard.allows(torch.tensor(math.inf))
    with pytest.raises(NotFiniteError):
        guard.on_validation_end(*validating(math.nan))


def validating(loss):
    trainer = SimpleNamespace(
        callback_metrics={"val/loss": torch.tensor(loss)},
        state=SimpleNamespace(stage=RunningStage.VALIDATING),
        val_dataloaders=[],
        global_step=3,
    )
    return trainer, None


def test_a_policy_that_answers_nan_fails_its_episodes_and_no_others(fit_words, tmp_path):
    assert main([*fit_words, f"--trainer.logger.save_dir={tmp_path}"]) == 0
    (run,) = tmp_path.glob("*/version_0")
    good, bad = load_policy(run), load_policy(run)
    with torch.no_grad():
        for parameter in bad.policy.parameters():
            parameter.fill_(math.nan)
    policies = {"good": TorchPolicy(good.policy), "bad": TorchPolicy(bad.policy)}
    summary = evaluate(policies, "HalfCheetah-v5", ["clean"], 2, references={})
    of = {one.name: one.conditions[0] for one in summary.all}
    assert (of["good"]["episodes"], of["good"]["failed"]) == (2, 0)
    assert (of["bad"]["episodes"], of["bad"]["failed"]) == (0, 2)


class Logits(torch.nn.Module):
    """Two discrete actions; the second row has no answer."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def initial_state(self, num_envs):
        return torch.zeros(num_envs)

    def step(self, obs, state, resets):
        out = torch.tensor([[0.0, 1.0]]).repeat(len(obs), 1)
        out[1, 0] = math.nan
        return out, state


def test_logits_that_are_not_finite_are_no_decision():
    policy = TorchPolicy(Logits(), gym.spaces.Discrete(2))
    actions, _ = policy.step(
        np.zeros((3, 4), np.float32), policy.initial_state(3), np.ones(3, bool)
    )
    assert actions[0] == actions[2] == 1 and actions[1] < 0


def test_a_discrete_action_that_the_task_has_not_fails_its_episode():
    policy = TorchPolicy(Logits(), gym.spaces.Discrete(2))
    summary = evaluate({"policy": policy}, "CartPole-v1", ["clean"], 3, references={})
    condition = summary.conditions[0]
    assert (condition["episodes"], condition["failed"]) == (2, 1)
