"""A file of episodes: its layout, the types that come back, and what is said of what is wrong."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.episode_file import EpisodeFile
from lrs_lightning.data.episode_writer import Written, digest, write_episode_file
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError

VECTORS = Task("A-v0", (3,), "float32", action_low=(-1.0,), action_high=(1.0,))
BYTES = Task("A-v0", (128,), "uint8", actions=4)
FRAMES = Task("A-v0", (4, 8, 8), "uint8", actions=4)


def vectors(steps: int, **more: Any) -> Demonstration:
    rng = np.random.default_rng(steps)
    actions, labels = rng.uniform(-1, 1, (2, steps, 1))
    return Demonstration(
        rng.normal(size=(steps, 3)), actions, labels, rng.normal(size=steps), **more
    )


def numbers(steps: int, *shape: int, **more: Any) -> Demonstration:
    """Bytes of any shape, and discrete actions."""
    seen = np.random.default_rng(0).integers(0, 256, (steps, *shape)).astype(np.uint8)
    actions = np.arange(steps) % 4
    return Demonstration(seen, actions, actions, np.zeros(steps), **more)


def write(path: Path, task: Task, *episodes: Demonstration) -> Path:
    write_episode_file(path, episodes, task)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "episodes.h5"


def test_the_layout(file: Path) -> None:
    before = np.ones((2, 1, 8, 8), np.uint8)
    write(file, FRAMES, numbers(40, 1, 8, 8), numbers(5, 1, 8, 8, before=before),
          numbers(5, 1, 8, 8, before=before[:0]))  # fmt: skip
    with h5py.File(file) as found:
        assert list(found["episodes"]) == ["00000", "00001", "00002"]
        arrays = ["actions", "labels", "observations", "rewards"]
        assert [sorted(group) for group in found["episodes"].values()] == [
            arrays,
            sorted([*arrays, "before"]),
            arrays,
        ]
        for array in found["episodes/00000"].values():
            assert (array.compression, array.compression_opts) == ("gzip", 1)
            assert array.fletcher32 and array.shuffle == (array.dtype.itemsize > 1)


@pytest.mark.parametrize(
    ("task", "episode", "chunks"),
    [
        (VECTORS, vectors(300), (256, 3)),
        (VECTORS, vectors(100), (100, 3)),
        (BYTES, numbers(300, 128), (256, 128)),
        (FRAMES, numbers(300, 1, 8, 8), (16, 1, 8, 8)),
        (FRAMES, numbers(5, 1, 8, 8), (5, 1, 8, 8)),
    ],
)
def test_chunks_are_of_so_many_steps(
    file: Path, task: Task, episode: Demonstration, chunks: Any
) -> None:
    write(file, task, episode)
    with h5py.File(file) as found:
        assert found["episodes/00000/observations"].chunks == chunks


@pytest.mark.parametrize(("width", "steps"), [(1 << 10, 256), (1 << 16, 4), (1 << 19, 1)])
def test_chunks_have_at_most_a_mebibyte_or_a_step(file: Path, width: int, steps: int) -> None:
    wide = Task("A-v0", (width,), "float32", actions=4)
    seen, actions = np.zeros((300, width), np.float32), np.zeros(300, np.int64)
    write(file, wide, Demonstration(seen[: 2 * steps], *[actions[: 2 * steps]] * 3))
    with h5py.File(file) as found:
        assert found["episodes/00000/observations"].chunks == (steps, width)


def name_of(episode: Demonstration) -> str:
    return digest(np.float32(episode.observations), np.float32(episode.labels))


def test_what_a_manifest_is_told(file: Path) -> None:
    first, second = vectors(3), vectors(4, origin=Origin(seed=3))
    assert write_episode_file(file, iter([first, second]), VECTORS) == [
        Written(3, float(first.rewards.sum()), Origin(), Ending(), name_of(first)),
        Written(4, float(second.rewards.sum()), Origin(seed=3), Ending(), name_of(second)),
    ]
    with pytest.raises(DataError, match="^episode 8 has no steps"):
        write_episode_file(file, [first, vectors(0)], VECTORS, first=7)


def test_floats_come_back_as_single_and_whole_numbers_as_they_were(file: Path) -> None:
    episode = vectors(5)
    found = EpisodeFile(write(file, VECTORS, episode))
    for name in ("observations", "actions", "labels", "rewards"):
        read = found.read(f"00000/{name}")
        assert read.dtype == found.dtype(f"00000/{name}") == np.float32
        np.testing.assert_array_equal(read, np.float32(getattr(episode, name)))
        assert found.shape(f"00000/{name}") == read.shape
    np.testing.assert_array_equal(
        found.read("00000/observations", slice(1, 3)), np.float32(episode.observations[1:3])
    )
    found = EpisodeFile(write(file.with_name("b.h5"), BYTES, numbers(5, 128)))
    assert found.read("00000/observations").dtype == np.uint8
    assert found.read("00000/actions").dtype == np.int64


@pytest.mark.parametrize(
    ("stored", "expected"),
    [("u1", "u1"), ("<u2", "<i8"), ("<u4", "<i8"), (">u2", "<i8"), (">f4", "<f4"), (">i4", "<i4")],
)
def test_types_of_others_become_those_that_torch_knows(
    file: Path, stored: str, expected: str
) -> None:
    with h5py.File(file, "w") as made:
        made["episodes/00000/x"] = np.arange(5).astype(stored)
    read = EpisodeFile(file).read("00000/x")
    assert read.dtype == np.dtype(expected) and read.dtype.isnative
    np.testing.assert_array_equal(read, np.arange(5))


def test_what_is_there_and_what_is_not(file: Path) -> None:
    found = EpisodeFile(write(file, VECTORS, vectors(3)))
    assert found.has("00000/labels") and not found.has("00000/before")
    for ask in (found.shape, found.dtype, found.read):
        with pytest.raises(DataError, match=f"^{file}, episode 0 has no before: write the demon"):
            ask("00000/before")
        with pytest.raises(DataError, match=f"^{file}, episode 12 has no labels: write the demon"):
            ask("00012/labels")
    with pytest.raises(DataError, match="episode 1 has no labels"):
        found.has("00001/labels")


def test_what_is_no_plain_array_is_told(file: Path) -> None:
    with h5py.File(file, "w") as made:
        made["episodes/00000/labels"] = h5py.SoftLink("/elsewhere")
    where = rf"^{file}, episode 0: labels is a link to somewhere else, .*: write the demonst"
    with pytest.raises(DataError, match=where):
        EpisodeFile(file).read("00000/labels")


def test_it_travels_to_another_process_without_its_handle(file: Path) -> None:
    found = EpisodeFile(write(file, VECTORS, vectors(3)))
    expected = found.read("00000/labels")
    copy = pickle.loads(pickle.dumps(found))
    assert copy._handles == {} and copy._plain == set() and copy.path == file
    np.testing.assert_array_equal(copy.read("00000/labels"), expected)
    assert list(copy._handles) == [os.getpid()]


def test_another_file_under_its_name_is_not_read(file: Path) -> None:
    found = EpisodeFile(write(file, VECTORS, vectors(3)))
    copy = pickle.dumps(found)
    os.replace(write(file.with_name("b.h5"), VECTORS, vectors(4)), file)
    assert found.shape("00000/labels") == (3, 1), "it is held open"
    with pytest.raises(DataError, match=f"^{file} was replaced while it was read: start again$"):
        pickle.loads(copy).read("00000/labels")


def test_a_file_that_is_gone_is_told(file: Path) -> None:
    found = EpisodeFile(write(file, VECTORS, vectors(3)))
    copy = pickle.dumps(found)
    file.unlink()
    assert found.shape("00000/labels") == (3, 1), "it is held open"
    with pytest.raises(DataError, match=f"^{file} was removed while it was read: start again$"):
        pickle.loads(copy).read("00000/labels")


def test_a_file_that_is_none(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EpisodeFile(file)
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match=f"^{file} cannot be opened"):
        EpisodeFile(file)
