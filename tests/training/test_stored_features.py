"""Features of demonstrations: computed once, kept whole, learned from as if they were frames."""

from __future__ import annotations

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.data import append_episodes, features
from lrs_lightning.data.features import encoded_episodes
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.nn import PolicyConfig, cores, encoders
from lrs_lightning.training import ExpertTrajectories, ImitationModule, load_policy
from tests.training.frozen import alike, write_pictures, write_run
from tests.training.population.test_equality import trainer

# Of Lightning, about the modules of a frozen encoder; `fit` leaves it out.
pytestmark = pytest.mark.filterwarnings("ignore:.*in eval mode at the start of training")

SIZES = {
    "window": 6,
    "burn_in": 2,
    "batch_size": 3,
    "batches": 5,
    "start_share": 0.3,
    "val_fraction": 0.3,
}
ROUNDING = 1e-6  # of features in float32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("frozen")
    write_pictures(place / "store")
    write_run(place / "run")
    return place


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lrs_lightning" / "features"


@pytest.fixture
def computed(monkeypatch):
    """Lengths of the episodes whose features are computed."""
    lengths = []
    encode = features.encode_episode

    def noted(encoder, episode, stack):
        lengths.append(len(episode))
        return encode(encoder, episode, stack)

    monkeypatch.setattr(features, "encode_episode", noted)
    return lengths


def encoder_of(folder):
    encoder = load_policy(folder / "run").policy.encoder
    encoder.freeze()
    return encoder


def data(folder, **options):
    return ExpertTrajectories(path=str(folder / "store"), **(SIZES | options))


def test_windows_hold_what_the_encoder_makes_of_the_frames(folder, cache):
    frames, stored, encoder = data(folder), data(folder), encoder_of(folder)
    stored.learn_from_features(encoder)
    for batches, number in (("train_batch", 0), ("train_batch", 1), ("held_out_batch", 0)):
        seen, known = (getattr(windows, batches)(number) for windows in (frames, stored))
        wanted = encoder(seen.observations)
        torch.testing.assert_close(known.observations, wanted, rtol=0, atol=ROUNDING)
        for name in ("labels", "loss_mask"):
            assert torch.equal(getattr(known, name), getattr(seen, name))
    counts = [frames.train_batch(number).loss_mask.sum(1) for number in range(5)]
    assert any((count < SIZES["window"] - SIZES["burn_in"]).any() for count in counts), "no padding"


def fitted(folder, monkeypatch, stored, precision="64-true"):
    torch.manual_seed(3)
    core = cores.CfC(hidden_size=6, rank=2)
    module = ImitationModule(PolicyConfig(encoders.Frozen(str(folder / "run")), core), lr=3e-3)
    source = data(folder)
    if not stored:
        monkeypatch.setattr(source, "learn_from_features", lambda encoder: None)
    trainer(10, precision).fit(module, datamodule=source)
    return module, source


def test_training_on_features_ends_as_training_on_frames(folder, cache, monkeypatch):
    """The same numbers but for the rounding of features: 2e-7 of weights of order 1 here."""
    on_frames, frames = fitted(folder, monkeypatch, stored=False)
    on_features, known = fitted(folder, monkeypatch, stored=True)
    assert frames.train_batch(0).observations.dim() == 5
    assert known.train_batch(0).observations.dim() == 3
    alike(on_features.policy, on_frames.policy, 5e-6)
    for name in ("train/loss", "val/loss", "val/agreement"):
        wanted = float(on_frames.trainer.callback_metrics[name])
        assert float(on_features.trainer.callback_metrics[name]) == pytest.approx(wanted, abs=1e-5)
    source = load_policy(folder / "run").policy.encoder.double()
    alike(on_features.policy.encoder, source, 0)


def test_features_are_computed_once_and_only_of_what_is_new(folder, cache, computed, tmp_path):
    encoder, said = encoder_of(folder), []
    store = write_pictures(tmp_path / "store", lengths=(5, 4))
    first = encoded_episodes(store, [0, 1], encoder, said.append)
    assert computed == [5, 4] and len(said) == 1 and "(episodes: 2)" in said[0]
    again = encoded_episodes(store, [1, 0], encoder, said.append)
    assert computed == [5, 4] and len(said) == 1
    np.testing.assert_array_equal(again[0].observations, first[1].observations)
    assert first[1].before is None and first[1].observations.dtype == np.float32
    longer = write_pictures(tmp_path / "longer", lengths=(7,), seed=5)
    append_episodes(tmp_path / "store", list(longer))
    grown = type(store)(tmp_path / "store")
    encoded_episodes(grown, [0, 1, 2], encoder, said.append)
    assert computed == [5, 4, 7]
    write_run(tmp_path / "run", seed=1)
    encoded_episodes(grown, [2], encoder_of(tmp_path), said.append)
    assert computed == [5, 4, 7, 7], "another encoder has features of its own"
    assert len(list(cache.iterdir())) == 2


def changed(**changes):
    def change(file):
        write_checkpoint({**read_checkpoint(file), **changes}, file)

    return change


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file):
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [
        cut, emptied, changed(encoder=64 * "0"), changed(episode=64 * "0"),
        changed(features=torch.zeros(4, 7)), changed(features=torch.full((5, 7), torch.nan)),
        changed(features=torch.zeros(5, 7).double()), changed(features=None),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_computed_anew(folder, cache, computed, tmp_path, spoil):
    store, encoder = write_pictures(tmp_path / "store", lengths=(5,)), encoder_of(folder)
    (good,) = encoded_episodes(store, [0], encoder, str)
    (file,) = cache.rglob("*.ckpt")
    whole = file.read_bytes()
    spoil(file)
    (found,) = encoded_episodes(store, [0], encoder, str)
    assert computed == [5, 5] and file.read_bytes() == whole
    np.testing.assert_array_equal(found.observations, good.observations)


def test_weights_that_are_no_numbers_are_told(folder, cache, tmp_path):
    encoder = encoder_of(folder)
    with torch.no_grad():
        next(encoder.parameters()).fill_(torch.nan)
    store = write_pictures(tmp_path / "store", lengths=(5,))
    with pytest.raises(DataError, match="episode 0 are not finite: the frozen encoder has no good"):
        encoded_episodes(store, [0], encoder, str)
    assert not list(cache.rglob("*.ckpt"))


def test_a_cache_that_cannot_be_written_is_told(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    store = write_pictures(tmp_path / "store", lengths=(5,))
    with pytest.raises(DataError, match="cannot"):
        encoded_episodes(store, [0], encoder_of(folder), str)


class SavedAt(pl.Callback):
    """Saves a checkpoint after so many updates."""

    def __init__(self, update, path):
        self.update, self.path = update, path

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.update:
            trainer.save_checkpoint(self.path)


def test_a_run_goes_on_where_the_source_is_gone(folder, cache, tmp_path):
    torch.manual_seed(3)
    run, half = write_run(tmp_path / "run"), tmp_path / "half.ckpt"
    core = cores.CfC(hidden_size=6, rank=2)
    whole = ImitationModule(PolicyConfig(encoders.Frozen(str(run)), core), lr=3e-3)
    trainer(10, "32-true", callbacks=[SavedAt(5, half)]).fit(whole, datamodule=data(folder))
    (run / "checkpoints" / "last.ckpt").unlink()
    resumed, fresh = ImitationModule(whole.config, lr=3e-3), ImitationModule(whole.config)
    trainer(10, "32-true").fit(resumed, datamodule=data(folder), ckpt_path=half, weights_only=True)
    alike(resumed.policy, whole.policy, 0)
    with pytest.raises(ArgumentError, match="has no checkpoints/last.ckpt"):
        trainer(10).fit(fresh, datamodule=data(folder))
