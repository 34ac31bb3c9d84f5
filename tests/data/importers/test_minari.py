"""Minari in and out again: the same numbers, types, attributes and words, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import numpy as np
import pytest

from lrs_lightning.data import DemonstrationStore, Ending, write_episodes
from lrs_lightning.data.exporters import export_minari
from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.data.importers.spaces import apart, leaves, read_space, together
from lrs_lightning.errors import ArgumentError, DataError

VECTOR = {"type": "Box", "dtype": "float64", "shape": [3], "low": [-9.0] * 3, "high": [9.0] * 3}
SMALL = {"type": "Box", "dtype": "float32", "shape": [2], "low": [-9.0] * 2, "high": [9.0] * 2}
DICT = {"type": "Dict", "subspaces": {"goal": SMALL, "seen": VECTOR}}
TUPLE = {"type": "Tuple", "subspaces": [SMALL, VECTOR]}
TORQUE = {"type": "Box", "dtype": "float32", "shape": [1], "low": [-2.0], "high": [2.0]}
FOUR = {"type": "Discrete", "dtype": "int64", "start": 1, "n": 4}


def numbers(shape: dict[str, Any], steps: int, rng: np.random.Generator) -> Any:
    if shape["type"] == "Dict":
        return {name: numbers(part, steps, rng) for name, part in shape["subspaces"].items()}
    if shape["type"] == "Tuple":
        each = enumerate(shape["subspaces"])
        return {f"_index_{i}": numbers(part, steps, rng) for i, part in each}
    if shape["type"] == "Discrete":
        return rng.integers(shape["start"], shape["start"] + shape["n"], steps)
    return rng.uniform(-2, 2, (steps, *shape["shape"])).astype(shape["dtype"])


def put(group: Any, name: str, values: Any) -> None:
    if isinstance(values, dict):
        for part, inner in values.items():
            put(group, f"{name}/{part}", inner)
    else:
        group[name] = values


def dataset(folder: Path, seen: Any = VECTOR, done: Any = TORQUE, early: bool = False) -> Path:
    rng = np.random.default_rng(0)
    (folder / "data").mkdir(parents=True)
    spec = json.dumps({"id": "Pendulum-v1", "entry_point": "evil.module:Env", "kwargs": {}})
    about = {
        "total_episodes": 3,
        "total_steps": 24,
        "data_format": "hdf5",
        "observation_space": json.dumps(seen),
        "action_space": json.dumps(done),
        "env_spec": spec,
        "dataset_id": "a/b-v0",
        "author": "me",
        "minari_version": "0.5.4",
    }
    (folder / "data" / "metadata.json").write_text(json.dumps(about))
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for i in range(3):
            group, steps = file.create_group(f"episode_{i}"), 7 + i
            group.attrs.update({"id": i, "total_steps": steps, "seed": 1 << (40 + i)})
            put(group, "observations", numbers(seen, steps + 1, rng))
            group["actions"] = numbers(done, steps, rng)
            group["rewards"] = rng.normal(size=steps)
            group["terminations"] = np.arange(steps) == (2 if early else steps - 1)
            group["truncations"] = np.zeros(steps, bool)
            group["infos/x/y"] = rng.normal(size=(steps + 1, 2))
            group["infos/is_success"] = np.arange(steps + 1) == 3
    return folder


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"": json.loads((folder / "data" / "metadata.json").read_text())}
    with h5py.File(folder / "data" / "main_data.hdf5") as file:

        def look(name: str, node: Any) -> None:
            found[f"{name}@"] = {k: int(v) for k, v in node.attrs.items()}
            if isinstance(node, h5py.Dataset):
                found[name] = (node.dtype.str, node.shape, node[()].tobytes())

        file.visititems(look)
    return found


@pytest.mark.parametrize(
    ("seen", "done", "early"),
    [(VECTOR, TORQUE, False), (DICT, TORQUE, False), (TUPLE, FOUR, False), (VECTOR, FOUR, True)],
)
def test_there_and_back_to_the_last_bit(tmp_path, seen, done, early):
    source = dataset(tmp_path / "source", seen, done, early)
    store = import_demonstrations(source, tmp_path / "store")
    assert store.manifest["format"] == "minari" and store.task.env == "Pendulum-v1"
    again = DemonstrationStore(tmp_path / "store")
    assert content(export_minari(again, tmp_path / "back")) == content(source)
    assert store.endings[0] == Ending(not early, False, True)
    assert store.origins[2].seed == 1 << 42 and store[0].observations.dtype == np.float32
    assert len(store[0].final) == 1 and store.exact(0).rewards.dtype == np.float64


def test_parts_are_in_the_order_of_gymnasium(tmp_path):
    space = gym.spaces.Dict({"b": gym.spaces.Box(-1, 1, (2, 2)), "a": gym.spaces.Box(-1, 1, (1,))})
    sample = space.sample()
    boxes = [box for _, box in leaves(space)]
    parts = [sample[name.strip("/")][None] for name, _ in leaves(space)]
    np.testing.assert_array_equal(together(parts)[0], gym.spaces.flatten(space, sample))
    for part, same in zip(parts, apart(together(parts), boxes), strict=True):
        np.testing.assert_array_equal(part, same)


def test_an_environment_may_be_named_otherwise(tmp_path):
    source = dataset(tmp_path / "source", VECTOR, TORQUE)
    assert import_demonstrations(source, tmp_path / "s", env="none").task.env == "none"
    with pytest.raises(DataError, match=r"hdf5, episode_0: observations have shape \(7, 3\)"):
        import_demonstrations(source, tmp_path / "t", env="HalfCheetah-v5")


def test_an_id_finds_the_local_dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset(tmp_path / "a" / "b-v0")
    assert len(import_demonstrations("a/b-v0", tmp_path / "s")) == 3
    with pytest.raises(ArgumentError, match="no file or folder at"):
        import_demonstrations("a/c-v0", tmp_path / "t")


def test_demonstrations_of_ours_become_a_dataset(tmp_path):
    def recorded(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        actions = rng.uniform(-2, 2, (5, 1))
        more = {"terminated": False, "truncated": True, "origin": {"seed": seed}}
        return {"observations": rng.normal(size=(5 + seed, 3)), "actions": actions, **more}

    store = write_episodes(tmp_path / "s", [recorded(0), recorded(1)], "Pendulum-v1")
    out = export_minari(store, tmp_path / "out", "mine/it-v0")
    about = json.loads((out / "data" / "metadata.json").read_text())
    assert about["dataset_id"] == "mine/it-v0" and about["total_steps"] == 10
    again = import_demonstrations(out, tmp_path / "t")
    assert again.task.env == "Pendulum-v1"
    for one, same in zip(store, again, strict=True):
        np.testing.assert_array_equal(one.observations, same.observations)
        np.testing.assert_array_equal(one.actions, same.actions)
        assert one.ending == same.ending and len(same.final) == 1
    with pytest.raises(ArgumentError, match="exists: choose another folder"):
        export_minari(store, out)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_minari_itself_reads_what_is_written(tmp_path):
    minari = pytest.importorskip("minari")
    source = dataset(tmp_path / "source", DICT)
    path = source / "data" / "metadata.json"
    about = json.loads(path.read_text()) | {"env_spec": gym.spec("Pendulum-v1").to_json()}
    path.write_text(json.dumps(about))
    store = import_demonstrations(source, tmp_path / "store")
    out = export_minari(store, tmp_path / "out")
    data = minari.MinariDataset(str(out / "data"))
    for episode, ours in zip(data.iterate_episodes(), store, strict=True):
        np.testing.assert_array_equal(episode.actions, ours.actions)
        assert episode.observations["seen"].dtype == np.float64


@pytest.mark.parametrize("what", ["link", "group link", "raw", "arrow", "module", "space", "cut"])
def test_hostile_and_damaged_datasets_are_refused(tmp_path, what):
    source = dataset(tmp_path / "source")
    about = json.loads((source / "data" / "metadata.json").read_text())
    main = source / "data" / "main_data.hdf5"
    if what in ("link", "group link"):
        with h5py.File(tmp_path / "secret.h5", "w") as file:
            file["x"] = np.ones((7, 1), np.float32)
        with h5py.File(main, "a") as file:
            place = "episode_0/actions" if what == "link" else "episode_0"
            del file[place]
            file[place] = h5py.ExternalLink("../../secret.h5", "/x")
    elif what == "raw":
        main.rename(tmp_path / "elsewhere.hdf5")
        main.symlink_to(tmp_path / "elsewhere.hdf5")
    elif what == "cut":
        with h5py.File(main, "a") as file:
            del file["episode_1/truncations"]
    else:
        change = {
            "arrow": {"data_format": "arrow"},
            "module": {"env_spec": json.dumps({"id": "evil:Env-v0"})},
            "space": {"observation_space": json.dumps({"type": "Text"})},
        }[what]
        (source / "data" / "metadata.json").write_text(json.dumps(about | change))
    sentence = {
        "link": "link to somewhere else",
        "group link": "link to somewhere else",
        "raw": "is a link, which is not followed",
        "arrow": "expected hdf5",
        "module": "names a module to import",
        "space": "'Text' cannot be trained on",
        "cut": "episode_1 is incomplete",
    }[what]
    with pytest.raises(DataError, match=sentence):
        import_demonstrations(source, tmp_path / "s", "minari")
    assert not (tmp_path / "s").exists()


def test_a_space_from_a_file_is_only_read():
    for text in ('{"type": "Box"}', "[", "3", '{"type": "Discrete", "n": 0}'):
        with pytest.raises(DataError, match="here"):
            read_space(text, "here")
