"""Pictures come in from any format and in any layout, to the last bit; what is lost is told."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import numpy as np
import pytest
from PIL import Image

from lrs_lightning.data import write_episodes
from lrs_lightning.data.findings import DataWarning
from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.data.importers._pictures import decoded
from lrs_lightning.errors import ArgumentError, DataError
from tests.data.importers.test_minari import TORQUE, dataset
from tests.data.importers.test_tables import take, write_map

STEPS, HIGH, WIDE = 4, 9, 12
ACTIONS = "actions: {columns: actions}\n"


def frames(channels: int = 3, seed: int = 0, high: int = HIGH, wide: int = WIDE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (STEPS + 1, channels, high, wide), np.uint8)


def laid_out(upright: np.ndarray, layout: str) -> np.ndarray:
    """`(L, C, H, W)` in another order; a stack of two where there is an S."""
    if "S" in layout:
        upright = upright.reshape(len(upright), 2, -1, *upright.shape[2:])
        return upright.transpose(0, *(1 + "SCHW".index(letter) for letter in layout))
    if "C" not in layout:
        return upright[:, 0].transpose(0, *(1 + "HW".index(letter) for letter in layout))
    return upright.transpose(0, *(1 + "CHW".index(letter) for letter in layout))


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (STEPS, 2)).astype(np.float32)


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


# Parquet and LeRobot


def coded(picture: np.ndarray, format: str = "PNG") -> bytes:
    """A picture `(C, H, W)` as a file."""
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(picture, 0, -1).squeeze()).save(file, format)
    return file.getvalue()


def parquet(path: Path, **columns: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_table(pyarrow.table(columns), path)


def lerobot(folder: Path, kinds: dict[str, str], **columns: Any) -> Path:
    (folder / "meta").mkdir(parents=True)
    known = {"action": "float32", **kinds}
    features = {name: {"dtype": kind, "shape": [1]} for name, kind in known.items()}
    info = {"codebase_version": "v2.1", "features": features}
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    rows = {"action": numbers().tolist(), "episode_index": [0] * STEPS}
    parquet(folder / "data" / "chunk-000" / "a.parquet", **rows, **columns)
    return folder


CAMERA = "observation.images.top"


@pytest.mark.parametrize("form", ["structure", "bytes", "lists", "files"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_lerobot(tmp_path: Path, form: str, channels: int) -> None:
    upright = frames(channels)[:STEPS]
    files = [coded(picture) for picture in upright]
    if form == "files":
        (tmp_path / "d" / "images").mkdir(parents=True)
        for i, content in enumerate(files):
            (tmp_path / "d" / "images" / f"{i}.png").write_bytes(content)
    cells = {
        "structure": [{"bytes": content, "path": "0.png"} for content in files],
        "bytes": files,
        "lists": np.moveaxis(upright, 1, -1).tolist(),
        "files": [{"bytes": None, "path": f"images/{i}.png"} for i in range(STEPS)],
    }[form]
    if form == "lists":
        pyarrow = pytest.importorskip("pyarrow")
        kind = pyarrow.uint8()
        for _ in range(3):
            kind = pyarrow.list_(kind)
        cells = pyarrow.array(cells, kind)
    source = lerobot(tmp_path / "d", {CAMERA: "image"}, **{CAMERA: cells})
    (episode,) = store = take(source, tmp_path / "s")
    np.testing.assert_array_equal(np.asarray(episode.observations), upright)
    assert store.task.observation_shape == (channels if channels > 1 else 4, HIGH, WIDE)


def test_pictures_beside_the_state_are_told_and_chosen_by_a_map(tmp_path: Path) -> None:
    upright, state = frames()[:STEPS], np.arange(3.0 * STEPS).reshape(STEPS, 3).tolist()
    cells = [{"bytes": coded(picture), "path": None} for picture in upright]
    kinds = {CAMERA: "image", "observation.state": "float32", "wrist": "video"}
    source = lerobot(tmp_path / "d", kinds, **{CAMERA: cells, "observation.state": state})
    with pytest.warns(DataWarning, match=rf"left out \({CAMERA}, wrist\).*will not see them"):
        store = take(source, tmp_path / "s")
    np.testing.assert_array_equal(store[0].observations, np.float32(state))
    words = "actions: {columns: action}\nepisode: {by: episode_index}\n"
    chosen = write_map(tmp_path, f"observations: {{columns: {CAMERA}}}\n{words}")
    with pytest.warns(DataWarning, match=r"left out \(wrist\)"):
        (episode,) = take(source, tmp_path / "s", map=chosen)
    np.testing.assert_array_equal(np.asarray(episode.observations), upright)
    both = write_map(tmp_path, f"observations: {{columns: 'observation.*'}}\n{words}")
    with pytest.raises(DataError, match="a picture beside other observations.*choose one picture"):
        take(source, tmp_path / "t", map=both)
    film = write_map(tmp_path, f"observations: {{columns: wrist}}\n{words}")
    with pytest.raises(DataError, match="wrist is a video.*use_videos=False"):
        take(source, tmp_path / "t", map=film)


def test_jpeg_is_read_and_told(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.arange(WIDE, dtype=np.uint8) * 20, (STEPS, 3, HIGH, WIDE))
    cells = [{"bytes": coded(p, "JPEG"), "path": None} for p in smooth]
    source = lerobot(tmp_path / "d", {CAMERA: "image"}, **{CAMERA: cells})
    with pytest.warns(DataWarning, match="lossy images.*they are JPEG.*record PNG"):
        (episode,) = take(source, tmp_path / "s")
    assert np.abs(np.asarray(episode.observations).astype(int) - smooth).max() < 20


def test_videos_alone_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a video.*LeRobotDataset\.create.*PNG"):
        take(lerobot(tmp_path / "d", {CAMERA: "video"}), tmp_path / "s")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("../secret.png", "is not followed"),
        ("/etc/secret.png", "is not followed"),
        ("link.png", "is a link"),
        ("absent.png", "absent.png"),
        ("meta/info.json", "holds no picture"),
        (None, "holds no picture"),
    ],
)
def test_paths_lead_nowhere_else(tmp_path: Path, path: str | None, sentence: str) -> None:
    (tmp_path / "secret.png").write_bytes(coded(frames()[0]))
    cells = [{"bytes": None, "path": path}] * STEPS
    source = lerobot(tmp_path / "d", {CAMERA: "image"}, **{CAMERA: cells})
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DataError, match=sentence):
        take(source, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def bomb(side: int) -> bytes:
    """A PNG that claims a large picture and holds nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return (
        signature
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def deep() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no picture"),
        (b"GIF89a", "is no picture"),
        (coded(frames()[0])[:60], "is no picture"),
        (bomb(4000), "claims 4000 x 4000 pixels"),
        (bomb(40_000), "is no picture|claims"),
        (deep(), "expected 8 bits"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=f"here.*({sentence})"):
        decoded(content, "here")


def test_palettes_and_bits_are_decoded_to_what_they_show() -> None:
    few = (frames(1)[0, 0] // 64 * 64).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.stack([few] * 3, -1)).quantize(4).save(file, "PNG")
    assert decoded(file.getvalue(), "here").shape == (HIGH, WIDE, 3)
    file = io.BytesIO()
    Image.fromarray(few > 64).save(file, "PNG")
    np.testing.assert_array_equal(decoded(file.getvalue(), "here"), (few > 64) * np.uint8(255))


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
