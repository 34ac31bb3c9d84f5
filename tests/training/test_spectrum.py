"""The recurrent matrices are watched while they are trained, at epochs that hang on no clock."""

from __future__ import annotations

import csv
import itertools
import time

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from lrs_lightning.analysis.weights import recurrent_matrices
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import CORES, PolicyConfig, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule
from lrs_lightning.training.callbacks.spectrum import SpectrumMonitor


def fit(store, folder, monitor, core="cfc", epochs=3, **more):
    torch.manual_seed(0)
    sizes = {"hidden_size": 8} if core == "mlp" else {"hidden_size": 8, "rank": 4}
    config = PolicyConfig(encoders.Vector(features=8), CORES[core](**sizes))
    module = ImitationModule(config, lr=1e-2)
    data = ExpertTrajectories(path=str(store), window=8, burn_in=2, batch_size=8, batches=5)
    trainer = pl.Trainer(
        max_steps=5 * epochs,
        max_epochs=-1,
        accelerator="cpu",
        logger=CSVLogger(folder, name="", version=""),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        callbacks=[monitor],
        **more,
    )
    trainer.fit(module, datamodule=data)
    return module, trainer


@pytest.mark.parametrize("core", ["cfc", "lstm", "gru", "rnn"])
def test_what_is_logged_is_true_of_the_weights(tiny_store, tmp_path, core):
    module, trainer = fit(tiny_store, tmp_path, SpectrumMonitor(), core)
    logged = trainer.callback_metrics
    (weight,) = recurrent_matrices(module.policy.core)
    names = {"cfc": "GHF", "lstm": "ifgo", "gru": "rzn", "rnn": "h"}[core]
    for gate, matrix in zip(names, weight, strict=True):
        norm = float(torch.linalg.matrix_norm(matrix, 2))
        assert float(logged[f"recurrent/norm/{gate}"]) == pytest.approx(norm, rel=1e-5)
        assert float(logged[f"recurrent/change_norm/{gate}"]) > 0
        assert 1 <= float(logged[f"recurrent/change_stable_rank/{gate}"]) <= 8
    assert (
        0 < float(logged["recurrent/jacobian/radius"]) <= float(logged["recurrent/jacobian/norm"])
    )
    lines = (tmp_path / "metrics.csv").read_text()
    assert "recurrent/radius" in lines


def test_training_is_not_changed_by_being_watched(tiny_store, tmp_path):
    watched, _ = fit(tiny_store, tmp_path / "a", SpectrumMonitor())
    alone, _ = fit(tiny_store, tmp_path / "b", SpectrumMonitor(every_n_epochs=0))
    for one, other in zip(watched.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def looked_at(folder):
    """The epochs with figures, counted from 1."""
    rows = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    return [int(row["epoch"]) + 1 for row in rows if row.get("recurrent/jacobian/norm")]


@pytest.mark.parametrize(
    ("every", "looks", "expected"),
    [
        (1, 20, [1, 2, 3, 4, 5, 6, 7]),
        (1, 3, [1, 3, 6, 7]),
        (1, 1, [1, 7]),
        (4, 20, [1, 4, 7]),
        (100, 20, [1, 7]),
    ],
)
def test_which_epochs_are_looked_at(tiny_store, tmp_path, every, looks, expected):
    fit(tiny_store, tmp_path, SpectrumMonitor(every, looks), epochs=7)
    assert looked_at(tmp_path) == expected


def test_which_epochs_are_looked_at_hangs_on_no_clock(tiny_store, tmp_path, monkeypatch):
    fit(tiny_store, tmp_path / "fast", SpectrumMonitor(), epochs=5)
    ticks = itertools.count()
    for clock in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, clock, lambda: 1e4 * next(ticks))
    fit(tiny_store, tmp_path / "slow", SpectrumMonitor(), epochs=5)
    assert looked_at(tmp_path / "slow") == looked_at(tmp_path / "fast") == [1, 2, 3, 4, 5]


def test_the_length_of_a_training_is_counted_in_updates(tiny_store, tmp_path):
    """Two batches for an update: 10 updates are 4 epochs of 5 batches, and 3 updates, each."""
    fit(tiny_store, tmp_path, SpectrumMonitor(looks=2), epochs=2, accumulate_grad_batches=2)
    assert looked_at(tmp_path) == [1, 2, 4]


def test_a_policy_without_memory_logs_nothing(tiny_store, tmp_path):
    _, trainer = fit(tiny_store, tmp_path, SpectrumMonitor(), "mlp")
    assert not any(name.startswith("recurrent/") for name in trainer.callback_metrics)


def test_the_initial_matrices_survive_a_restart():
    monitor, later = SpectrumMonitor(), SpectrumMonitor()
    monitor._initial = [torch.eye(3).unsqueeze(0)]
    later.load_state_dict(monitor.state_dict())
    torch.testing.assert_close(later._initial[0], monitor._initial[0])


def test_numbers_that_make_no_sense():
    with pytest.raises(ArgumentError, match=r"spectrum.every_n_epochs is -1"):
        SpectrumMonitor(every_n_epochs=-1)
    with pytest.raises(ArgumentError, match=r"spectrum.looks 0"):
        SpectrumMonitor(looks=0)
