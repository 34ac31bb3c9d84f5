"""`model.graph`: a training that replays its updates ends where one that launches them ends."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import CORES, PolicyConfig, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule
from lrs_lightning.training import module as training
from lrs_lightning.training.graph import RecordedLosses, check_recordable

UPDATES = 20
SIZES = {"hidden_size": 16}


def fit(store, core="cfc", accelerator="cpu", graph=False, sizes=None, **options):
    torch.manual_seed(0)
    made = CORES[core](**{**SIZES, "rank": 4, **(sizes or {})})
    module = ImitationModule(PolicyConfig(encoders.Vector(features=16), made), graph=graph)
    data = ExpertTrajectories(path=str(store), window=8, burn_in=2, batch_size=8, batches=UPDATES)
    trainer = pl.Trainer(
        max_steps=UPDATES,
        accelerator=accelerator,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=0.01,  # every update is clipped
        **options,
    )
    trainer.fit(module, datamodule=data)
    return module


def weights(module):
    return {name: part.cpu() for name, part in module.policy.state_dict().items()}


@pytest.fixture
def replays(monkeypatch):
    """Updates are recorded on the CPU too: what is replayed are the passes themselves."""
    counted = []

    def recorder(launches):
        def replay():
            counted.append(launches)
            launches()

        launches()
        return replay

    monkeypatch.setattr(training, "check_recordable", lambda *_: None)
    monkeypatch.setattr(training, "RecordedLosses", partial(RecordedLosses, recorder=recorder))
    return counted


@pytest.mark.parametrize("core", ["cfc", "lstm", "gru", "rnn"])
def test_replayed_updates_end_where_launched_ones_end(tiny_store, replays, core):
    expected = fit(tiny_store, core)
    assert not replays
    found = fit(tiny_store, core, graph=True)
    assert len(replays) == UPDATES
    assert len(set(replays)) == 1, "one recording serves all updates"
    torch.testing.assert_close(weights(found), weights(expected), rtol=1e-5, atol=1e-7)
    for name in ("train/loss", "val/loss", "train/gradient_norm"):
        value = found.trainer.callback_metrics[name]
        torch.testing.assert_close(value, expected.trainer.callback_metrics[name])


def test_the_graph_is_given_back_and_no_part_of_a_checkpoint(tiny_store, replays):
    module = fit(tiny_store, graph=True)
    assert module._recorded is None
    assert "graph" not in module.hparams


def test_fit_refuses_to_replay_on_a_cpu(tiny_store):
    with pytest.raises(ArgumentError, match="training runs on the CPU: give --model.graph=false"):
        fit(tiny_store, graph=True)


def test_fit_tells_of_dropout(tiny_store, monkeypatch):
    monkeypatch.setattr(ImitationModule, "device", torch.device("cuda"))
    with pytest.raises(ArgumentError, match="there is dropout: give --model.graph=false"):
        fit(tiny_store, graph=True, sizes={"num_layers": 2, "dropout": 0.1})


def asked_of(device="cuda", world_size=1, accumulated=1, scaler=None):
    plugin = SimpleNamespace(scaler=scaler)
    trainer = SimpleNamespace(
        world_size=world_size, accumulate_grad_batches=accumulated, precision_plugin=plugin
    )
    return SimpleNamespace(device=torch.device(device), trainer=trainer)


@pytest.mark.parametrize(
    "why, module, draws",
    [
        ("training runs on the CPU", asked_of("cpu"), False),
        ("several processes share their gradients", asked_of(world_size=2), False),
        ("gradients of several batches are accumulated", asked_of(accumulated=2), False),
        ("16-mixed scales the loss", asked_of(scaler=object()), False),
        ("there is dropout", asked_of(), True),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_a_sentence(why, module, draws):
    with pytest.raises(ArgumentError, match=f"^an.option replays .*{why}: give --an.option=false"):
        check_recordable("an.option", module, draws)


def test_all_else_can_be_replayed():
    check_recordable("an.option", asked_of(), draws=False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("core", ["cfc", "lstm", "gru", "rnn"])
def test_a_graph_learns_on_a_gpu_what_launches_learn(tiny_store, core):
    expected, found = (fit(tiny_store, core, "gpu", graph) for graph in (False, True))
    torch.testing.assert_close(weights(found), weights(expected), rtol=0, atol=1e-6)
    losses = [m.trainer.callback_metrics["val/loss"] for m in (found, expected)]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=0)
