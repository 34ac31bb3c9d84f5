"""Pictures in Parquet and LeRobot, as bytes and as files: read without loss, or refused."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lrs_lightning.data.findings import DataWarning
from lrs_lightning.data.importers._pictures import decoded
from lrs_lightning.errors import DataError
from tests.data.importers.filming import HIGH, STEPS, WIDE, coded, frames, numbers
from tests.data.importers.test_tables import take, write_map


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
