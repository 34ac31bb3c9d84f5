"""When is played, and whom: any module that offers policies, one or many."""

from __future__ import annotations

import json
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from lrs_lightning.data import Task
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.evaluation import Suite
from lrs_lightning.rollout import RandomPolicy, rollout
from lrs_lightning.shifts import ShiftContext
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.playable import Playable, playable
from tests.evaluation.toys import ENV_ID, Constant, Toy, register


class Population(pl.LightningModule):
    """Learns nothing; its policies always do the same."""

    def __init__(self, actions=(("low", 0.25), ("high", 1.0))) -> None:
        super().__init__()
        self.actions, self.modes = dict(actions), []
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.task = Task.of(ENV_ID, Toy.observation_space, Toy.action_space)

    def policies(self):
        self.modes.append(self.training)
        return {name: Constant(action) for name, action in self.actions.items()}

    def describe(self):
        return {name: {"action": action} for name, action in self.actions.items()}

    def shift_context(self):
        return ShiftContext(observation_mean=np.zeros(2), observation_std=np.ones(2))

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.zeros(4, 1), batch_size=2)

    val_dataloader = test_dataloader = train_dataloader

    def training_step(self, batch, index):
        return (self.weight * batch).sum()

    def validation_step(self, batch, index):
        pass

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    register()
    monkeypatch.setattr(Toy, "broken", None)


def trainer(folder: Path, callback: pl.Callback, **options) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        logger=TensorBoardLogger(folder, name="", version=""),
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        **({"max_epochs": 2} | options),
    )


def callback(suite="mine.yaml", **options):
    Path("mine.yaml").write_text("- sensor_noise@2\n")
    return ShiftedEvaluation(suite, episodes=3, quick_episodes=2, every_n_epochs=1, **options)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_all_policies_of_a_module_are_played_and_compared(tmp_path, capsys):
    module, played = Population(), callback()
    run = trainer(tmp_path / "run", played)
    run.fit(module)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [summary["policy"]["name"], summary["others"][0]["policy"]["name"]] == ["low", "high"]
    assert summary["policy"]["action"] == 0.25
    assert summary["differences"][0]["difference"] == pytest.approx(3 * (0.25 - 1.0), abs=1e-5)
    assert summary["references"]["random"] == pytest.approx(
        clean_mean(RandomPolicy(Toy.action_space))
    )
    metrics = run.callback_metrics
    quick = clean_mean(Constant(1.0), 2)
    assert metrics["closed_loop/high/return"].item() == pytest.approx(quick, abs=1e-4)
    assert "closed_loop/low/return" in metrics
    assert capsys.readouterr().out.count("sensor_noise@2") >= 2
    assert module.modes == [False, False, False] and module.training  # judged in evaluation mode


def clean_mean(policy, episodes=3):
    seeds = range(10_000, 10_000 + episodes)
    return float(np.mean([e.return_ for e in rollout({"p": policy}, ENV_ID, ["clean"], seeds)]))


def test_one_policy_has_the_short_names(tmp_path):
    module, played = Population((("policy", 0.5),)), callback()
    run = trainer(tmp_path / "run", played)
    run.fit(module)
    assert "closed_loop/return" in run.callback_metrics
    assert played.summary is not None and not played.summary.others


def test_the_unit_of_noise_is_the_modules(tmp_path):
    """Another unit, and what is played under the same name is told apart."""
    returns = []
    for unit in (1.0, 5.0):
        module, played = Population((("policy", 0.5),)), callback()
        module.shift_context = lambda unit=unit: ShiftContext(
            observation_mean=np.zeros(2), observation_std=np.full(2, unit)
        )
        trainer(tmp_path / f"{unit}", played).fit(module)
        rows = (tmp_path / f"{unit}" / "results.jsonl").read_text().splitlines()
        returns.append({json.loads(row)["condition_id"] for row in rows})
    assert len(returns[0] & returns[1]) == 1  # that of the clean world


@pytest.mark.parametrize(("verb", "conditions"), [("validate", 1), ("test", 2)])
def test_verbs_play_what_they_promise(tmp_path, verb, conditions):
    played = callback()
    getattr(trainer(tmp_path / "run", played), verb)(Population(), verbose=False)
    assert len(played.summary.conditions) == conditions


@pytest.mark.parametrize(("every", "times"), [(0, 0), (1, 2), (2, 1)])
def test_short_evaluations_come_every_so_many_epochs(tmp_path, every, times):
    played = callback()
    played.every_n_epochs = every
    module = Population()
    trainer(tmp_path / "run", played).fit(module)
    assert len(module.modes) == times + 1


def test_short_evaluations_may_play_shifts_a_curve_for_each(tmp_path):
    Path("few.yaml").write_text("[sensor_noise@2]\n")
    played = callback()
    played.quick_suite = Suite.load("few.yaml")
    run = trainer(tmp_path / "run", played)
    run.fit(Population((("policy", 0.5),)))
    assert "closed_loop/shifted/sensor_noise@2" in run.callback_metrics
    assert played.seconds > 0


def test_a_suite_of_another_domain_is_refused_before_training(tmp_path):
    Path("games.yaml").write_text("atari: [gaussian_noise@1]\n")
    module = Population()
    with pytest.raises(EnvironmentMismatchError, match="none for a task of domain"):
        trainer(tmp_path / "run", callback("games.yaml")).fit(module)
    assert not module.modes


def test_what_cannot_be_played_is_told():
    with pytest.raises(TypeError, match="LightningModule cannot be played in closed loop"):
        playable(pl.LightningModule())
    assert isinstance(Population(), Playable)


@pytest.mark.parametrize("number", ["episodes", "quick_episodes"])
def test_numbers_that_make_no_sense(number):
    with pytest.raises(ArgumentError, match=f"{number}"):
        ShiftedEvaluation(**{number: 0})
