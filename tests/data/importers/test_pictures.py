"""Pictures come in from arrays of any layout, to the last bit; what lies on its side is told."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import numpy as np
import pytest

from lrs_lightning.data import write_episodes
from lrs_lightning.data.exporters import export_minari
from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.errors import ArgumentError, DataError
from tests.data.importers.filming import HIGH, STEPS, WIDE, coded, frames, laid_out, numbers
from tests.data.importers.test_minari import TORQUE, content, dataset
from tests.data.importers.test_tables import take, write_map

ACTIONS = "actions: {columns: actions}\n"


@pytest.mark.parametrize("layout", ["HW", "HWC", "CHW", "SHWC", "SCHW", "WH", "WHC", "CWH"])
def test_npz_in_any_layout(tmp_path: Path, layout: str) -> None:
    upright = frames({"HW": 1, "WH": 1}.get(layout, 6 if "S" in layout else 3))
    np.savez(tmp_path / "a.npz", obs=laid_out(upright, layout), actions=numbers())
    text = f"observations: {{columns: obs}}\n{ACTIONS}"
    told = text + f"image: {{layout: {layout}, stack: 1}}\n"
    for words in (told,) if layout.startswith(("W", "CW")) else (told, text):
        (episode,) = store = take(
            tmp_path / "a.npz", tmp_path / "s", map=write_map(tmp_path, words)
        )
        np.testing.assert_array_equal(np.asarray(episode.observations), upright[:-1])
        np.testing.assert_array_equal(np.asarray(episode.final), upright[-1:])
        channels = upright.shape[1] if len(layout) > 2 or "stack" in words else 4
        assert store.task.observation_shape == (channels, HIGH, WIDE) and store.task.pixels


def test_a_layout_of_other_axes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", obs=frames(), actions=numbers())
    words = f"observations: {{columns: obs}}\n{ACTIONS}image: {{layout: HW}}\n"
    with pytest.raises(DataError, match=r"layout HW is of 2 axes .* shape \(3, 9, 12\): say"):
        take(tmp_path / "a.npz", tmp_path / "s", map=write_map(tmp_path, words))


def test_from_python_in_the_layout_of_the_space(tmp_path: Path) -> None:
    upright, four = frames(), gym.spaces.Discrete(4)
    space = gym.spaces.Box(0, 255, (HIGH, WIDE, 3), np.uint8)
    episode = {"observations": laid_out(upright, "HWC"), "actions": np.zeros(STEPS, int)}
    store = write_episodes(tmp_path / "s", [episode], None, space, four)
    assert store.task.observation_shape == (3, HIGH, WIDE)
    np.testing.assert_array_equal(np.asarray(store[0].observations), upright[:-1])
    turned = episode | {"observations": laid_out(upright, "WHC")}
    with pytest.raises(DataError, match=r"exchanged: transpose .*layout: WHC"):
        write_episodes(tmp_path / "t", [turned], None, space, four)
    floats = episode | {"observations": laid_out(upright, "HWC") / 255}
    with pytest.raises(DataError, match="expected uint8 frames"):
        write_episodes(tmp_path / "t", [floats], None, space, four)
    parts = {"camera": upright, "arm": np.zeros((STEPS + 1, 3))}
    for spaces in ((None, four), (space, four)):
        with pytest.raises((ArgumentError, DataError), match=r"camera, arm.*one picture"):
            write_episodes(tmp_path / "t", [episode | {"observations": parts}], None, *spaces)


def test_pictures_as_floats_are_refused_and_matrices_are_vectors(
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "a.npz", obs=laid_out(frames(), "HWC") / 255, actions=numbers())
    with pytest.raises(DataError, match=r"look like pictures and are float64, expected uint8"):
        take(tmp_path / "a.npz", tmp_path / "s")
    matrices = np.random.default_rng(0).normal(size=(STEPS, 2, 3))
    np.savez(tmp_path / "a.npz", obs=matrices, actions=numbers())
    (episode,) = take(tmp_path / "a.npz", tmp_path / "s")
    np.testing.assert_array_equal(episode.observations, np.float32(matrices).reshape(STEPS, 6))


# robomimic and Minari


def test_a_camera_of_robomimic(tmp_path: Path) -> None:
    upright = frames()
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        group = file.create_group("data/demo_0")
        group["obs/camera"] = laid_out(upright, "HWC")[:-1]
        group["next_obs/camera"] = laid_out(upright, "HWC")[1:]
        group["actions"] = numbers()
    (episode,) = store = take(tmp_path / "a.hdf5", tmp_path / "s")  # the only one needs no map
    np.testing.assert_array_equal(np.asarray(episode.observations), upright[:-1])
    np.testing.assert_array_equal(np.asarray(episode.final), upright[-1:])
    assert store.task.observation_shape == (3, HIGH, WIDE)


PICTURE = {"type": "Box", "dtype": "uint8", "shape": [9, 12, 3], "low": 0, "high": 255}
ARM = {"type": "Box", "dtype": "float32", "shape": [2], "low": -9, "high": 9}
BOTH = {"type": "Dict", "subspaces": {"arm": ARM, "pixels": PICTURE}}


def filmed(folder: Path, seen: Any, form: str) -> list[np.ndarray]:
    dataset(folder, ARM if seen is PICTURE else {"type": "Dict", "subspaces": {"arm": ARM}}, TORQUE)
    about = json.loads((folder / "data" / "metadata.json").read_text())
    about |= {"observation_space": json.dumps(seen), "env_spec": json.dumps({"id": "Own/Film-v0"})}
    (folder / "data" / "metadata.json").write_text(json.dumps(about))
    made = []
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        for i in range(3):
            place = f"episode_{i}/observations" + ("/pixels" if seen is BOTH else "")
            if place in file:
                del file[place]
            count = len(file[f"episode_{i}/rewards"]) + 1
            smooth = np.broadcast_to(np.arange(12, dtype=np.uint8) * 20, (count, 3, 9, 12))
            upright = np.resize(frames(seed=i), (count, 3, 9, 12)) if form != "JPEG" else smooth
            made.append(upright)
            if form == "raw":
                file[place] = np.moveaxis(upright, 1, -1)
                continue
            rows = [np.frombuffer(coded(picture, form), np.uint8) for picture in upright]
            alike = len({len(row) for row in rows}) == 1
            file.create_dataset(place, data=rows, dtype=None if alike else h5py.vlen_dtype("u1"))
    return made


@pytest.mark.parametrize("seen", [PICTURE, BOTH], ids=["alone", "part"])
@pytest.mark.parametrize("form", ["raw", "PNG", "JPEG"])
def test_pictures_of_minari(tmp_path: Path, seen: Any, form: str) -> None:
    made = filmed(tmp_path / "d", seen, form)
    options = {"part": "pixels"} if seen is BOTH else {}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        store = import_demonstrations(tmp_path / "d", tmp_path / "s", options=options)
    assert [("they are JPEG" in str(w.message)) for w in told] == [True] * (form == "JPEG")
    assert store.task.observation_shape == (3, 9, 12)
    filtered = '+FilterObservation(filter_keys=["pixels"])' if seen is BOTH else ""
    assert store.task.env == f"Own/Film-v0{filtered}"
    for episode, upright in zip(store, made, strict=True):
        read = np.concatenate([episode.observations, episode.final])
        assert np.abs(read.astype(int) - upright).max() <= (20 if form == "JPEG" else 0)


def test_pictures_of_minari_beside_numbers_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    filmed(tmp_path / "d", BOTH, "raw")
    with pytest.raises(DataError, match=r"beside other observations \(arm, pixels\).*part=NAME"):
        import_demonstrations(tmp_path / "d", tmp_path / "s")
    with pytest.raises(DataError, match=r"no part 'wrist': arm, pixels"):
        import_demonstrations(tmp_path / "d", tmp_path / "s", options={"part": "wrist"})
    store = import_demonstrations(tmp_path / "d", tmp_path / "s", options={"part": "arm"})
    assert store.task.observation_shape == (2,)


def test_bytes_in_a_file_that_are_no_pictures(tmp_path: Path) -> None:
    filmed(tmp_path / "d", PICTURE, "PNG")
    with h5py.File(tmp_path / "d" / "data" / "main_data.hdf5", "a") as file:
        del file["episode_1/observations"]
        rows = np.empty(9, object)
        rows[:] = [np.arange(5, dtype=np.int64)] * 9
        file.create_dataset("episode_1/observations", data=rows, dtype=h5py.vlen_dtype("i8"))
    with pytest.raises(DataError, match=r"episode_1.*expected bytes for each step"):
        import_demonstrations(tmp_path / "d", tmp_path / "s")
    assert not (tmp_path / "s").exists()


# What stands upright


class Corner(gym.Env):
    """Shows a bright bar at the left, and a dim one at the top."""

    observation_space = gym.spaces.Box(0, 255, (12, 12, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def shown(self) -> np.ndarray:
        picture = np.zeros((12, 12, 3), np.uint8)
        picture[:, :3], picture[:2, 3:] = 250, 60
        return picture

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.shown(), {}

    def step(self, action: Any) -> Any:
        return self.shown(), 0.0, False, False, {}


def test_square_pictures_on_their_side_are_told(tmp_path: Path) -> None:
    gym.register("tests/Corner-v0", Corner)
    try:
        for turned in (False, True):
            picture = Corner().shown()
            seen = picture.transpose(1, 0, 2) if turned else picture
            np.savez(tmp_path / "a.npz", observations=[seen] * 4, actions=np.array([0, 1, 0, 1]))
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                store = take(tmp_path / "a.npz", tmp_path / "s", env="tests/Corner-v0")
            assert [("transposed images" in str(w.message)) for w in told] == [True] * turned
            assert store.task.observation_shape == (3, 12, 12)
    finally:
        del gym.registry["tests/Corner-v0"]


@pytest.mark.parametrize("shape", [(9, 12, 3), (3, 9, 12), (9, 12), (2, 9, 12, 3), (2, 3, 9, 12)])
def test_pictures_of_minari_go_back_to_the_last_bit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset(tmp_path / "d", ARM)
    about = json.loads((tmp_path / "d" / "data" / "metadata.json").read_text())
    space = PICTURE | {"shape": list(shape)}
    about |= {"observation_space": json.dumps(space), "jpeg_encoding": False}
    (tmp_path / "d" / "data" / "metadata.json").write_text(json.dumps(about))
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "d" / "data" / "main_data.hdf5", "a") as file:
        for i in range(3):
            count = len(file[f"episode_{i}/rewards"]) + 1
            del file[f"episode_{i}/observations"]
            file[f"episode_{i}/observations"] = rng.integers(0, 256, (count, *shape), np.uint8)
    store = import_demonstrations(tmp_path / "d", tmp_path / "s")
    assert content(export_minari(store, tmp_path / "back")) == content(tmp_path / "d")


def test_pictures_of_ours_become_a_dataset(tmp_path: Path) -> None:
    space = gym.spaces.Box(0, 255, (4, HIGH, WIDE), np.uint8)  # a stack, each frame once
    upright = frames(1)
    episode = {"observations": upright, "actions": numbers()}
    act = gym.spaces.Box(-1, 1, (2,))
    store = write_episodes(tmp_path / "s", [episode], None, space, act)
    again = import_demonstrations(export_minari(store, tmp_path / "d"), tmp_path / "t")
    assert again.task.observation_shape == (1, HIGH, WIDE)
    read = np.concatenate([again[0].observations, again[0].final])
    np.testing.assert_array_equal(read, upright)


def test_one_part_of_several_is_not_written_back(tmp_path: Path) -> None:
    filmed(tmp_path / "d", BOTH, "raw")
    store = import_demonstrations(tmp_path / "d", tmp_path / "s", options={"part": "pixels"})
    with pytest.raises(DataError, match="one part of several was imported"):
        export_minari(store, tmp_path / "back")
    assert not (tmp_path / "back").exists()
