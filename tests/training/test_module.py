import gymnasium as gym
import lightning.pytorch as pl
import pytest
import torch

from lrs_lightning.data import Task
from lrs_lightning.data.windows import WindowBatch
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.nn import CORES, PolicyConfig, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule, find_checkpoint, load_policy


def fit(store, folder, updates=20, core="cfc"):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16} if core == "mlp" else {"hidden_size": 16, "rank": 4}
    config = PolicyConfig(encoders.Vector(features=16), CORES[core](**sizes))
    module = ImitationModule(config, lr=1e-2)
    data = ExpertTrajectories(path=str(store), window=8, burn_in=2, batch_size=8, batches=updates)
    trainer = pl.Trainer(
        max_steps=updates,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        callbacks=[
            pl.callbacks.ModelCheckpoint(
                folder / "checkpoints", filename="best", monitor="val/loss", save_last=True
            )
        ],
    )
    trainer.fit(module, datamodule=data)
    return module, trainer


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    module, _ = fit(tiny_store, folder, updates=300)
    return folder, module


def test_it_learns_what_the_teacher_does(run):
    _, module = run
    metrics = module.trainer.callback_metrics
    assert metrics["val/agreement"] > 0.9  # R2 on an episode that it never saw
    assert metrics["val/loss"] < 0.02


def test_the_policy_normalises_with_the_training_data(run):
    _, module = run
    torch.testing.assert_close(module.policy.encoder.mean, torch.full((17,), 2.0), atol=0.6, rtol=0)
    torch.testing.assert_close(module.policy.encoder.std, torch.full((17,), 3.0), atol=0.6, rtol=0)


def test_a_checkpoint_is_complete_and_plain(run):
    folder, module = run
    loaded = load_policy(folder)
    assert loaded.path == find_checkpoint(folder) == folder / "checkpoints" / "last.ckpt"
    assert loaded.task.env == "HalfCheetah-v5"
    assert loaded.hyper_parameters["policy"]["core"]["rank"] == 4
    x = torch.randn(2, 5, 17)
    torch.testing.assert_close(loaded.policy.unroll(x)[0], module.policy.cpu().eval().unroll(x)[0])


def test_a_checkpoint_with_a_policy_of_one_level_loads(run, tmp_path):
    folder, module = run
    checkpoint = torch.load(find_checkpoint(folder), weights_only=True)
    flat = {"cell": "cfc", "hidden_size": 16, "rank": 4, "sparsity": 0.5, "encoder": "mlp"}
    flat |= {"features": 16, "channels": None, "frames": 4, "control": "none", "mode": "paper"}
    checkpoint["hyper_parameters"]["policy"] = flat
    torch.save(checkpoint, tmp_path / "old.ckpt")
    assert load_policy(tmp_path / "old.ckpt").policy.config == module.config
    again = ImitationModule.load_from_checkpoint(tmp_path / "old.ckpt", map_location="cpu")
    assert again.config == module.config


def test_a_core_that_nobody_registered_is_named(run, tmp_path):
    folder, _ = run
    checkpoint = torch.load(find_checkpoint(folder), weights_only=True)
    checkpoint["hyper_parameters"]["policy"]["core"]["name"] = "lraky"
    torch.save(checkpoint, tmp_path / "new.ckpt")
    with pytest.raises(ArgumentError, match="unknown core 'lraky'"):
        load_policy(tmp_path / "new.ckpt")


def test_lightning_loads_it_too(run):
    folder, module = run
    again = ImitationModule.load_from_checkpoint(find_checkpoint(folder), map_location="cpu")
    for ours, theirs in zip(again.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_masks_do_not_move_and_masked_entries_stay_zero(run):
    _, module = run
    weight = module.policy.core.recurrent_weight()
    assert 0.4 < (weight == 0).float().mean() < 0.6


@pytest.mark.parametrize("core", ["cfc", "lstm", "gru", "rnn", "mlp"])
def test_every_core_trains(core, tiny_store, tmp_path):
    _, trainer = fit(tiny_store, tmp_path, updates=2, core=core)
    assert torch.isfinite(trainer.callback_metrics["val/loss"])


def test_two_runs_with_the_same_seed_are_equal(tiny_store, tmp_path):
    first, _ = fit(tiny_store, tmp_path / "a", updates=5)
    second, _ = fit(tiny_store, tmp_path / "b", updates=5)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_discrete_actions_may_begin_anywhere():
    space = gym.spaces.Discrete(3, start=2)
    task = Task.of("Toy-v0", gym.spaces.Box(-1, 1, (4,)), space)
    assert task == Task.from_dict(task.to_dict())
    assert task.action_space == space
    module = ImitationModule(PolicyConfig(core=CORES["cfc"](hidden_size=8, rank=2)))
    policy = module.build(task)
    observations, weights = torch.randn(5, 7, 4), torch.ones(5, 7)
    with torch.no_grad():
        labels = policy.decide(policy.unroll(observations)[0])
    assert set(labels.unique().tolist()) <= {2, 3, 4}
    batch = WindowBatch(observations, labels, weights)
    logits, _ = policy.unroll(observations)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten() - 2)
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    module.validation_step(batch, 0)
    assert module.agreement.compute() == 1.0
    torch.testing.assert_close(module.val_loss.compute(), expected.detach())


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04 nonsense", "damaged"),
        ({"state_dict": {}}, "no checkpoint of"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, message):
    path = tmp_path / "bad.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(DataError, match=rf"bad.ckpt.*{message}"):
        load_policy(path)


def test_code_in_a_checkpoint_never_runs(tmp_path, capsys):
    torch.save({"hyper_parameters": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(DataError, match="was not run"):
        load_policy(tmp_path / "evil.ckpt")
    assert "never run" not in capsys.readouterr().out


@pytest.mark.parametrize("path", ["http://host/x.ckpt", "nowhere.ckpt", "."])
def test_where_there_is_no_checkpoint(path):
    with pytest.raises(ArgumentError, match="checkpoint"):
        find_checkpoint(path)


def test_a_policy_belongs_to_its_task(run, tiny_store):
    from dataclasses import replace

    _, module = run
    with pytest.raises(EnvironmentMismatchError, match="train a new policy"):
        module.build(replace(module.task, env="Hopper-v5"))


@pytest.mark.parametrize("choice", [{"lr": 0.0}, {"weight_decay": -1.0}, {"warmup": 1.0}])
def test_values_that_cannot_be(choice):
    with pytest.raises(ArgumentError, match="expected lr > 0"):
        ImitationModule(**choice)
