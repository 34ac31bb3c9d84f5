import numpy as np
import pytest
import torch

from lrs_lightning.data import write_store
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.training import ExpertTrajectories


@pytest.fixture
def data(tiny_store) -> ExpertTrajectories:
    return ExpertTrajectories(path=str(tiny_store), window=8, burn_in=2, batch_size=4, batches=5)


def test_the_split_is_by_episode_and_statistics_are_of_the_training_half(data):
    train, val = data.split
    assert (len(train), len(val)) == (5, 1)
    mean, std = data.statistics
    seen = np.concatenate([e.observations for e in train])
    np.testing.assert_allclose(mean, seen.mean(0), atol=1e-5)
    np.testing.assert_allclose(std, seen.std(0, ddof=1), atol=1e-4)
    held_out = val[0].observations
    assert not any(np.array_equal(held_out, e.observations) for e in train)


@pytest.mark.parametrize(("episodes", "fraction", "held_out"), [(6, 0.34, 2), (6, 0.5, 3)])
def test_held_out_episodes_are_spread_over_the_schedule(tiny_store, episodes, fraction, held_out):
    data = ExpertTrajectories(path=str(tiny_store), val_fraction=fraction)
    _, val = data.split
    assert len(val) == held_out
    first = [e.observations[0, 0] for e in data.store]
    places = [first.index(e.observations[0, 0]) for e in val]
    assert places == sorted(places)
    assert max(np.diff(places)) <= episodes / held_out + 1


def test_batches_are_windows_and_repeat_with_the_seed(data):
    batches = list(data.train_dataloader())
    assert len(batches) == 5
    assert batches[0].observations.shape == (4, 8, 17)
    assert batches[0].labels.shape == (4, 8, 6)
    for once, again in zip(batches, data.train_dataloader(), strict=True):
        torch.testing.assert_close(once.observations, again.observations)
    counted = sum(batch.loss_mask.sum() for batch in data.val_dataloader())
    assert counted == 60 - (60 // 8) * 2  # burn-in of every tile but the first


def test_the_cache_has_a_folder_for_each_recipe(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = {
        ExpertTrajectories(**choice).folder
        for choice in ({}, {"noise": "0"}, {"episodes": 5}, {"seed": 1}, {"expert": "other"})
    }
    assert len(folders) == 5
    assert all(tmp_path in folder.parents for folder in folders)
    assert ExpertTrajectories().folder == ExpertTrajectories(window=16).folder


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"val_fraction": 0.0}, "val_fraction is 0.0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"episodes": 0}, "episodes is 0"),
    ],
)
def test_values_that_cannot_be(choice, message):
    with pytest.raises(ArgumentError, match=message):
        ExpertTrajectories(**choice)


def test_a_store_of_another_task_or_none(tiny_store, tmp_path):
    with pytest.raises(EnvironmentMismatchError, match="of HalfCheetah-v5, not of Hopper-v5"):
        _ = ExpertTrajectories("Hopper-v5", path=str(tiny_store)).store
    with pytest.raises(DataError, match="no demonstrations in"):
        _ = ExpertTrajectories(path=str(tmp_path)).store


def test_one_episode_cannot_be_split(data, tmp_path):
    write_store(tmp_path / "one", data.task, list(data.store)[:1], {})
    with pytest.raises(ArgumentError, match=r"1 episode\(s\) and 1 would be held out"):
        _ = ExpertTrajectories(path=str(tmp_path / "one")).split
