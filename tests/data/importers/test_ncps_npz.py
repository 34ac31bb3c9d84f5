"""What is imported reads back as what was there; what is something else is told."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.data import FrameWindows
from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError


def stacks(frames):
    """`(T, 84, 84, 4)` stacks of `(T + 3, 84, 84)` frames."""
    count = len(frames) - 3
    return np.stack([frames[i : i + count] for i in range(4)], axis=-1)


def files(folder, runs=((8, 8, 8), (8,)), val=((4,),)):
    """Files of runs that follow each other; the frames of different runs do not."""
    rng, written = np.random.default_rng(0), {}
    for part, lengths in (("train", runs), ("val", val)):
        number = 0
        for run in lengths:
            frames = rng.integers(0, 256, (sum(run) + 3, 84, 84), dtype=np.uint8)
            at = 0
            for length in run:
                obs = stacks(frames[at : at + length + 3])
                actions = rng.integers(0, 4, length)
                np.savez_compressed(folder / f"{part}_{number:05d}.npz", obs=obs, actions=actions)
                written[f"{part}_{number:05d}"] = obs, actions
                at, number = at + length, number + 1
    return written


def test_every_stack_comes_back(tmp_path):
    (tmp_path / "in").mkdir()
    written = files(tmp_path / "in")
    store = import_demonstrations(tmp_path / "in", tmp_path / "out", "ncps-npz")
    assert store.manifest["lengths"] == [24, 8, 4]  # files that follow each other are one episode
    assert [o.held_out for o in store.origins] == [
        False,
        False,
        True,
    ] and store.task.env == "ALE/Breakout-v5"
    windows = FrameWindows(list(store), length=4, burn_in=0)
    batch = windows[windows.tiles()]
    obs = np.concatenate([o for o, _ in written.values()])
    np.testing.assert_array_equal(batch.observations.flatten(0, 1).numpy(), np.moveaxis(obs, -1, 1))
    labels = np.concatenate([a for _, a in written.values()])
    np.testing.assert_array_equal(batch.labels.flatten(), labels)


@pytest.mark.shared
def test_the_public_demonstrations(shared_data, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name in [f"train_{i:05d}" for i in range(40)] + ["val_00000"]:
        (source / f"{name}.npz").symlink_to(shared_data / "breakout-bc" / f"{name}.npz")
    store = import_demonstrations(source, tmp_path / "out", "ncps-npz")
    assert store.manifest["steps"] == 41 * 32
    first = np.load(source / "train_00000.npz")
    windows = FrameWindows(list(store), length=32, burn_in=0)
    batch = windows[windows.window_starts[:1]]
    np.testing.assert_array_equal(batch.observations[0].numpy(), np.moveaxis(first["obs"], -1, 1))
    size = (tmp_path / "out" / "episodes.h5").stat().st_size
    assert 41 * 32 * 84 * 84 / size > 20


class Malice:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def broken(**changes):
    arrays = {"obs": stacks(np.zeros((11, 84, 84), np.uint8)), "actions": np.zeros(8, int)}
    arrays.update(changes)
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (broken(actions=None), DataError, "no array .*actions.*expected obs and actions"),
        (broken(obs=np.zeros((8, 84, 84, 4))), DataError, "of float64, expected uint8"),
        (broken(obs=np.zeros((8, 64, 64, 4), np.uint8)), DataError, r"expected uint8 \(T, 84"),
        (broken(actions=np.zeros(7, int)), DataError, "expected 8 integers"),
        (broken(actions=np.zeros(8)), DataError, "of float64, expected 8 integers"),
        (broken(actions=np.full(8, 4)), EnvironmentMismatchError, "from 4 to 4 and the game has"),
        (
            broken(obs=np.random.default_rng(0).integers(0, 9, (8, 84, 84, 4), dtype=np.uint8)),
            DataError,
            "a frame is missing",
        ),
    ],
)
def test_other_arrays_are_told(tmp_path, arrays, error, message):
    np.savez(tmp_path / "train_00000.npz", **arrays)
    with pytest.raises(error, match=message):
        import_demonstrations(tmp_path, tmp_path / "out", "ncps-npz")
    assert not (tmp_path / "out").exists()


def test_nothing_in_a_file_is_run(tmp_path):
    trace = tmp_path / "ran"
    evil = np.array([Malice(trace)], dtype=object)
    np.savez(tmp_path / "train_00000.npz", obs=evil, actions=np.zeros(1, int))
    with pytest.raises(DataError, match="cannot be read"):
        import_demonstrations(tmp_path, tmp_path / "out", "ncps-npz")
    (tmp_path / "train_00000.npz").write_bytes(pickle.dumps(Malice(trace)))
    with pytest.raises(DataError, match="cannot be read"):
        import_demonstrations(tmp_path, tmp_path / "out", "ncps-npz")
    assert not trace.exists()


def test_a_folder_without_files_is_told(tmp_path):
    with pytest.raises(ArgumentError, match=r"has no train_\*.npz"):
        import_demonstrations(tmp_path, tmp_path / "out", "ncps-npz")
