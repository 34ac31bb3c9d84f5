"""Robots' own formats: robomimic, LeRobot and Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lrs_lightning.data import Ending
from lrs_lightning.data.findings import DataWarning
from lrs_lightning.errors import DataError
from tests.data.importers.test_tables import rows, take, write_map


def robomimic(path: Path, demos: int = 3, **more: Any) -> dict[str, np.ndarray]:
    made = {}
    with h5py.File(path, "w") as file:
        for i in range(demos):
            values = made[f"demo_{i}"] = rows(i, 6 + i)
            group = file.create_group(f"data/demo_{i}")
            group.attrs["num_samples"] = len(values) - 1
            for name, part in (("b", values[:, 2:3]), ("a", values[:, :2])):
                group[f"obs/{name}"], group[f"next_obs/{name}"] = part[:-1], part[1:]
            group["obs/camera"] = np.zeros((len(values) - 1, 8, 8, 3), np.uint8)
            group["next_obs/camera"] = np.zeros((len(values) - 1, 8, 8, 3), np.uint8)
            group["actions"] = values[:-1, 3:]
            group["dones"] = np.r_[np.zeros(len(values) - 3), 1, 1]
            group["rewards"] = np.arange(len(values) - 1.0)
        file["mask/valid"] = np.array([b"demo_1"])
        for name, values in more.items():
            file[f"data/demo_0/obs/{name}"] = values
    return made


def test_robomimic(tmp_path):
    made = robomimic(tmp_path / "low_dim.hdf5")
    with pytest.warns(DataWarning, match=r"pictures left out \(obs/camera\)"):
        store = take(tmp_path / "low_dim.hdf5", tmp_path / "s")
    assert store.manifest["format"] == "robomimic" and store.manifest["lengths"] == [5, 6, 7]
    assert [o.held_out for o in store.origins] == [False, True, False]
    assert store.endings[0] == Ending(terminated=True)
    for episode, values in zip(store, made.values(), strict=True):
        np.testing.assert_array_equal(episode.observations, np.float32(values[:-1, :3]))
        np.testing.assert_array_equal(episode.final, np.float32(values[-1:, :3]))
    text = "observations: {columns: 'obs/[b]'}\nactions: {columns: actions}"
    mapped = take(tmp_path / "low_dim.hdf5", tmp_path / "t", map=write_map(tmp_path, text))
    assert mapped[0].observations.shape == (5, 1)


@pytest.mark.parametrize("kind", ["external", "soft", "raw"])
def test_hdf5_that_leads_out_of_the_file_is_refused(tmp_path, kind):
    path = tmp_path / "low_dim.hdf5"
    robomimic(path, 1)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones((5, 2))
    (tmp_path / "secret.bin").write_bytes(bytes(80))
    with h5py.File(path, "a") as file:
        group = file["data/demo_0"]
        del group["actions"]
        if kind == "external":
            group["actions"] = h5py.ExternalLink("secret.h5", "/x")
        elif kind == "soft":
            group["actions"] = h5py.SoftLink("/data/demo_0/rewards")
        else:
            where = [(str(tmp_path / "secret.bin"), 0, 80)]
            group.create_dataset("actions", (5, 2), "f8", external=where)
    with pytest.raises(DataError, match=r"low_dim\.hdf5.*(somewhere else|other files)"):
        take(path, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def lerobot(folder: Path, episodes_a_file: int) -> list[np.ndarray]:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = [rows(i, 5 + i) for i in range(4)]
    (folder / "meta").mkdir(parents=True)
    names = ("observation.state", "action", "timestamp", "episode_index", "next.reward")
    features = {name: {"dtype": "float32"} for name in (*names, "observation.images.top")}
    info = {"codebase_version": "v2.1", "fps": 10, "features": features}
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    (folder / "data" / "chunk-000").mkdir(parents=True)
    for first in range(0, 4, episodes_a_file):
        some = list(enumerate(made))[first : first + episodes_a_file]
        table = {
            "observation.state": [row[:3].tolist() for _, e in some for row in e],
            "action": [row[3:].tolist() for _, e in some for row in e],
            "timestamp": [t / 10 for _, e in some for t in range(len(e))],
            "episode_index": [i for i, e in some for _ in e],
            "next.reward": [1.0 for _, e in some for _ in e],
            "task": ["lift" for _, e in some for _ in e],
        }
        file = folder / "data" / "chunk-000" / f"episode_{first:06d}.parquet"
        parquet.write_table(pyarrow.table(table), file)
    return made


@pytest.mark.parametrize("episodes_a_file", [1, 4])
def test_lerobot(tmp_path, episodes_a_file):
    made = lerobot(tmp_path / "d", episodes_a_file)
    store = take(tmp_path / "d", tmp_path / "s")
    assert store.manifest["format"] == "lerobot" and len(store) == 4
    for episode, values in zip(store, made, strict=True):
        np.testing.assert_array_equal(episode.observations, np.float32(values[:, :3]))
        np.testing.assert_array_equal(episode.actions, np.float32(values[:, 3:]))
        assert episode.time[1] == pytest.approx(0.1) and episode.rewards.sum() == len(values)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    values = rows(0)
    columns = {"obs": values[:, :3].tolist(), "action": values[:, 3:].tolist(), "note": ["x"] * 6}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    (episode,) = take(tmp_path / "a.parquet", tmp_path / "s")
    np.testing.assert_array_equal(episode.observations, np.float32(values[:, :3]))
    columns["obs"][2] = [1.0]
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="different lengths"):
        take(tmp_path / "a.parquet", tmp_path / "t")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read"):
        take(tmp_path / "a.parquet", tmp_path / "t")
