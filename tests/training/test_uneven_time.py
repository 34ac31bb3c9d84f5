"""Time that is uneven in the data reaches a core that knows time: in training and closed loop."""

from __future__ import annotations

import warnings
from dataclasses import replace

import gymnasium as gym
import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from lrs_lightning.analysis.counterfactual import CleanGatePolicy
from lrs_lightning.analysis.spectra import spectral_radius
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.uneven import jacobians_at
from lrs_lightning.data import write_episodes
from lrs_lightning.data.timespans import timespan_of
from lrs_lightning.deployment import export_policy, parity
from lrs_lightning.deployment.reading import read_exported
from lrs_lightning.envs import describe
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.nn import CORES, PolicyConfig, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule
from lrs_lightning.training.callbacks.spectrum import SpectrumMonitor
from lrs_lightning.training.playable import as_played
from tests.selection import long_only

STEPS = 20


def store(folder, uneven: bool):
    def recorded(seed):
        rng = np.random.default_rng(seed)
        waits = rng.choice([0.5, 1.0, 3.0], STEPS + 1) if uneven else np.ones(STEPS + 1)
        return {
            "observations": rng.normal(size=(STEPS + 1, 3)),
            "actions": rng.uniform(-2, 2, (STEPS, 1)),
            "time": 100 + np.cumsum(waits),
        }

    return write_episodes(folder, map(recorded, range(4)), "Pendulum-v1")


def trained(folder, core: str, steps: int = 1):
    torch.manual_seed(0)
    config = PolicyConfig(encoders.Vector(features=4), CORES[core](hidden_size=4, rank=2))
    module = ImitationModule(config)
    data = ExpertTrajectories(path=str(folder), window=5, burn_in=1, batch_size=4, batches=2)
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=data)
    return module, data


def test_a_cfc_is_trained_with_the_times_of_its_unit(tmp_path):
    store(tmp_path / "s", uneven=True)
    module, data = trained(tmp_path / "s", "cfc")
    assert data.task.time_unit == module.task.time_unit == 1.0
    batch = next(iter(data.train_dataloader()))
    assert set(batch.timespans.unique().tolist()) <= {0.5, 1.0, 3.0}
    told = module.predict_step(batch, 0)
    expected, _ = module.policy.unroll(batch.observations, timespans=batch.timespans)
    torch.testing.assert_close(told, expected)
    even, _ = module.policy.unroll(batch.observations)
    assert not torch.allclose(told, even)
    twice = module.predict_step(batch._replace(timespans=2 * batch.timespans), 0)
    module.task = replace(module.task, time_unit=2.0)  # another unit of the same seconds
    torch.testing.assert_close(
        module.predict_step(batch._replace(timespans=2 * batch.timespans), 0), told
    )
    assert not torch.allclose(twice, told)


def test_even_time_changes_nothing(tmp_path):
    store(tmp_path / "s", uneven=False)
    module, data = trained(tmp_path / "s", "cfc")
    assert data.task.time_unit is None and "time_unit" not in data.task.to_dict()
    assert next(iter(data.train_dataloader())).timespans is None
    assert as_played(module.policy, module.task).timespan is None


def test_a_core_without_time_says_so_and_trains(tmp_path):
    store(tmp_path / "s", uneven=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module, _ = trained(tmp_path / "s", "lstm")
    assert any("uneven in time, and this core knows none" in str(w.message) for w in told)
    assert as_played(module.policy, module.task).timespan is None


def test_a_step_of_the_closed_loop_lasts_what_the_simulator_says(tmp_path):
    store(tmp_path / "s", uneven=True)
    module, _ = trained(tmp_path / "s", "cfc")
    assert describe("Pendulum-v1").step_seconds == 0.05
    assert timespan_of(module.task) == pytest.approx(0.05)
    (policy,) = module.policies().values()
    seen, starts = np.zeros((2, 3), np.float32), np.array([True, False])
    _, state = policy.step(seen, policy.initial_state(2), starts)
    module.eval()
    with torch.no_grad():
        _, expected = module.policy.step(
            torch.zeros(2, 3), resets=torch.tensor([True, False]), timespans=torch.full((2,), 0.05)
        )
    torch.testing.assert_close(state, expected)
    assert timespan_of(replace(module.task, env="CartPole-v1")) is None  # which does not say


@pytest.mark.parametrize("format", ["numpy", long_only("onnx")])
def test_what_is_exported_counts_in_the_same_unit(tmp_path, format, monkeypatch):
    monkeypatch.setattr(parity, "STEPS", 10)
    store(tmp_path / "s", uneven=True)
    module, _ = trained(tmp_path / "s", "cfc")
    exported = export_policy(module.policy, module.task, tmp_path / format, format)
    assert exported.interface.dt
    assert "in units of 1 s" in (tmp_path / format / "README.md").read_text()
    read = read_exported(exported.path)
    (own,) = module.policies().values()
    seen, states = np.ones((2, 3), np.float32), (own.initial_state(2), read.policy.initial_state(2))
    for starts in ([True, True], [False, False], [False, True]):
        action, state = own.step(seen, states[0], np.array(starts))
        same, other = read.policy.step(seen, states[1], np.array(starts))
        np.testing.assert_allclose(same, action, rtol=0, atol=1e-5)
        states = state, other
    if format == "numpy":
        even = replace(module.task, time_unit=None)
        assert not export_policy(module.policy, even, tmp_path / "even", format).interface.dt


def test_what_is_analysed_counts_in_the_same_unit(tmp_path):
    store(tmp_path / "s", uneven=True)
    module, _ = trained(tmp_path / "s", "cfc")
    (own,) = module.policies().values()
    subject = Subject.of_policy(module.policy, own.timespan)
    itself = CleanGatePolicy(module.policy, [], timespan=own.timespan)
    seen, never = np.ones((1, 3), np.float32), np.array([False])
    state, same = own.initial_state(1), itself.initial_state(1)
    for _ in range(3):
        _, state = own.step(seen, state, never)
        itself.observe_clean(seen)
        _, same = itself.step(seen, same, never)
    features, _ = subject.features([np.ones((3, 3), np.float32)])
    replayed = subject.recurrence.replay(features).state[-1]
    torch.testing.assert_close(replayed.float(), state[0])
    torch.testing.assert_close(same, state[0])
    plain = Subject.of_policy(module.policy).recurrence.replay(features).state[-1]
    assert not torch.allclose(plain, replayed)


def test_a_policy_goes_on_with_data_of_another_interval_but_not_of_other_spaces(tmp_path):
    store(tmp_path / "s", uneven=True)
    module, data = trained(tmp_path / "s", "cfc")
    assert module.build(replace(data.task, time_unit=7.0)) is module.policy
    assert module.task.time_unit == 1.0
    with pytest.raises(EnvironmentMismatchError, match="train a new policy"):
        module.build(replace(data.task, observation_shape=(4,)))


def test_the_unit_is_kept_in_a_file(tmp_path):
    from lrs_lightning.data import Task
    from lrs_lightning.errors import DataError

    task = Task.of("A-v0", gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(3))
    task = replace(task, time_unit=0.5)
    assert Task.from_dict(task.to_dict()) == task
    for unit in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match="time_unit is"):
            Task.from_dict(task.to_dict() | {"time_unit": unit})


def test_what_is_watched_lasts_what_was_recorded(tmp_path):
    store(tmp_path / "s", uneven=True)
    module, data = trained(tmp_path / "s", "cfc")
    batch = next(iter(data.val_dataloader()))
    monitor = SpectrumMonitor()
    monitor._batch = batch
    told = monitor._jacobians(module)
    subject = Subject.of_policy(module.policy)
    features, _ = subject.features(list(batch.observations.numpy()))
    steps = range(1, 5, 2)  # of windows of five steps
    found = jacobians_at(subject.layer, features, batch.timespans.mT, steps)
    radius = float(spectral_radius(found).mean())
    assert told["recurrent/jacobian/radius"] == pytest.approx(radius, rel=1e-12)
    alike = batch._replace(timespans=torch.ones_like(batch.timespans))
    monitor._batch = alike
    even = monitor._jacobians(module)["recurrent/jacobian/radius"]
    assert even != pytest.approx(radius, rel=1e-3)
    monitor._batch = alike._replace(timespans=None)
    assert monitor._jacobians(module)["recurrent/jacobian/radius"] == pytest.approx(even, rel=1e-9)


def test_the_first_step_of_an_episode_is_as_long_as_a_usual_one(tmp_path):
    """One in training; in closed loop and in the analysis what all of its steps last."""
    store(tmp_path / "s", uneven=True)
    module, data = trained(tmp_path / "s", "cfc")
    windows = data.train_dataloader().dataset
    assert windows.timespans[windows.episode_starts].eq(module.task.time_unit).all()
    (own,) = module.policies().values()
    seen, first = np.ones((1, 3), np.float32), np.array([True])
    _, state = own.step(seen, own.initial_state(1), first)
    subject = Subject.of_policy(module.policy, own.timespan)
    features, _ = subject.features([seen])
    replayed = subject.recurrence.replay(features).state[0]
    torch.testing.assert_close(replayed.float(), state[0])
    plain = Subject.of_policy(module.policy).recurrence.replay(features).state[0]
    assert not torch.allclose(plain, replayed)
