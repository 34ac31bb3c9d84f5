"""The recurrent matrices are watched while they are trained, within a small share of the time."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from lrs_lightning.analysis.weights import recurrent_matrices
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import CORES, PolicyConfig, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule
from lrs_lightning.training.callbacks.spectrum import SpectrumMonitor


def fit(store, folder, monitor, core="cfc", epochs=3, **options):
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
    )
    trainer.fit(module, datamodule=data, **options)
    return module, trainer


@pytest.mark.parametrize("core", ["cfc", "lstm", "gru", "rnn"])
def test_what_is_logged_is_true_of_the_weights(tiny_store, tmp_path, core):
    module, trainer = fit(tiny_store, tmp_path, SpectrumMonitor(budget=0.99), core)
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
    watched, _ = fit(tiny_store, tmp_path / "a", SpectrumMonitor(budget=0.99))
    alone, _ = fit(tiny_store, tmp_path / "b", SpectrumMonitor(every_n_epochs=0))
    for one, other in zip(watched.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_it_keeps_to_its_share_but_sees_the_first_and_the_last_epoch(tiny_store, tmp_path):
    monitor = SpectrumMonitor(budget=1e-9)
    fit(tiny_store, tmp_path, monitor, epochs=5)
    assert monitor._looks == 2


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
    with pytest.raises(ArgumentError, match=r"spectrum.budget is 2"):
        SpectrumMonitor(budget=2)
