"""A store of somebody else's is believed only after it was checked: one sentence, nothing outside.

Its SHA-256 shows damage and not truth, so that every store here carries the right ones.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import h5py
import numpy as np
import pytest

from lrs_lightning.data import DemonstrationStore
from lrs_lightning.documents import write_json
from lrs_lightning.errors import DataError, LrsError
from tests.reliability.hostile_store import read_all, sealed, store_of
from tests.reliability.opened import never_opened


def with_array(folder: Path, name: str, values) -> Path:
    """Give episode 1 another array of this name."""
    with h5py.File(folder / "episodes.h5", "r+") as file:
        if name in file["episodes/00001"]:
            del file[f"episodes/00001/{name}"]
        file["episodes/00001"].create_dataset(name, data=values)
    return sealed(folder)


def with_value(values, place, value):
    values = np.array(values)
    values[place] = value
    return values


ZEROS = np.zeros((10, 2), np.float32)


@pytest.mark.parametrize(
    ("kind", "name", "values", "sentence"),
    [
        ("box", "labels", with_value(ZEROS, (7, 1), np.nan), r"labels at step 7, channel 1 \(nan"),
        ("box", "labels", with_value(ZEROS, (7, 1), -np.inf), r"channel 1 \(-inf\) is not finite"),
        ("box", "actions", with_value(ZEROS, (3, 0), 9), r"actions at step 3, channel 0 \(9\) is"),
        ("box", "rewards", with_value(np.zeros(10), 4, np.inf), "rewards at step 4"),
        ("box", "rewards", np.full(10, 1e308), "add up to"),
        ("box", "observations", np.full((10, 3), np.nan), "observations at step 0, channel 0"),
        ("box", "labels", np.zeros((60, 2)), "labels have 60 steps and the manifest says 10"),
        ("box", "observations", np.zeros((60, 3)), "observations have 60 steps"),
        ("box", "observations", np.zeros((10, 5)), r"observations have shape \(10, 5\), expected"),
        ("box", "observations", np.zeros((10, 3), complex), "is of type complex128, expected num"),
        ("box", "labels", np.full((10, 2), b"up"), "is of type |S2, expected numbers"),
        ("box", "labels", np.zeros((10, 2), "f4,i4"), "is of type .*, expected numbers"),
        ("box", "labels", np.float32(3), "no array of steps"),
        ("box", "labels", h5py.Empty("f4"), "no array of steps"),
        ("discrete", "labels", np.zeros(10, np.float32), "are of type float32, expected the num"),
        ("discrete", "labels", np.full(10, 4), r"labels at step 0 \(4\) is no action"),
        ("discrete", "labels", np.full(10, -1), r"labels at step 0 \(-1\) is no action"),
        ("pixels", "observations", np.zeros((10, 1, 8, 9), np.uint8), "expected uint8 frames"),
        ("pixels", "observations", np.zeros((10, 1, 8, 8), np.float32), "of float32, expected"),
        ("pixels", "before", np.zeros((3, 1, 8, 9), np.uint8), "frames before it have shape"),
    ],
)
def test_an_array_is_what_the_task_needs(tmp_path, kind, name, values, sentence):
    folder = store_of(tmp_path / "s", kind)
    with_array(folder, name, values)
    with pytest.raises(DataError, match=f"episodes.h5, episode 1: .*{sentence}") as refused:
        read_all(folder)
    assert "\n" not in str(refused.value)


def test_references_and_texts_of_any_length_are_no_numbers(tmp_path):
    for number, kind in enumerate((h5py.string_dtype(), h5py.vlen_dtype("f4"), h5py.ref_dtype)):
        folder = store_of(tmp_path / str(number))
        with h5py.File(folder / "episodes.h5", "r+") as file:
            del file["episodes/00001/labels"]
            file["episodes/00001"].create_dataset("labels", (10, 2), kind)
        with pytest.raises(DataError, match="episode 1: labels is of type object"):
            read_all(sealed(folder))


@pytest.mark.parametrize("name", ["labels", "observations"])
@pytest.mark.parametrize("told", [True, False])
def test_a_billion_rows_are_not_believed(tmp_path, name, told):
    folder = store_of(tmp_path / "s")
    with h5py.File(folder / "episodes.h5", "r+") as file:
        del file[f"episodes/00001/{name}"]
        file["episodes/00001"].create_dataset(
            name, (10**9, 2), "f4", chunks=(256, 2), compression="gzip"
        )
    if told:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest |= {"lengths": [10, 10**9], "steps": 10**9 + 10}
        write_json(folder / "manifest.json", manifest)
    with pytest.raises(
        DataError, match="claims .* bytes and .* are stored|the manifest says 10{9}"
    ):
        read_all(sealed(folder))


def test_another_byte_order_or_unsigned_labels_are_read(tmp_path):
    folder = store_of(tmp_path / "s", "discrete")
    with_array(folder, "labels", np.arange(10, dtype=np.uint16) % 4)
    with_array(folder, "observations", np.ones((10, 3), ">f4"))
    read = DemonstrationStore(folder)[1]
    assert read.labels.dtype == np.int64 and read.labels.tolist() == [0, 1, 2, 3] * 2 + [0, 1]
    assert read.observations.dtype == np.dtype("=f4") and (read.observations == 1).all()


# ---------------------------------------------------------------- what leads out of the file


def _external_storage(group, name, secret):
    group.create_dataset(name, (10, 2), "f4", external=[(str(secret), 0, 80)])


def _external_link(group, name, secret):
    group[name] = h5py.ExternalLink(str(secret), "/values")


def _virtual(group, name, secret):
    layout = h5py.VirtualLayout((10, 2), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "values", (10, 2))
    group.create_virtual_dataset(name, layout)


def _unlimited_virtual(group, name, secret):
    layout = h5py.VirtualLayout((10, 2), "f4", maxshape=(None, 2))
    source = h5py.VirtualSource(str(secret), "values", (10, 2), maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    group.create_virtual_dataset(name, layout)


def _soft_link(group, name, secret):
    group[name] = h5py.SoftLink("/episodes/00000/labels")


def _loop(group, name, secret):
    group[name] = h5py.SoftLink(f"/episodes/00001/{name}")


def _foreign_filter(group, name, secret):
    group.create_dataset(name, (10, 2), "f4", chunks=(10, 2), compression="lzf")


WAYS_OUT = [
    (_external_storage, "takes its numbers from other files"),
    (_external_link, "is a link to somewhere else"),
    (_virtual, "takes its numbers from other files"),
    (_unlimited_virtual, "takes its numbers from other files"),
    (_soft_link, "is a link to somewhere else"),
    (_loop, "is a link to somewhere else"),
    (_foreign_filter, "is compressed with filter"),
]


@pytest.mark.parametrize("name", ["labels", "before"])
@pytest.mark.parametrize(("way", "sentence"), WAYS_OUT)
def test_nothing_outside_the_file_is_opened(tmp_path, name, way, sentence):
    folder, outside = store_of(tmp_path / "s"), tmp_path / "outside"
    outside.mkdir()
    with h5py.File(outside / "secret.h5", "w") as file:
        file.create_dataset("values", data=ZEROS, maxshape=(None, 2), chunks=(10, 2))
    with h5py.File(folder / "episodes.h5", "r+") as file:
        if name in file["episodes/00001"]:
            del file[f"episodes/00001/{name}"]
        way(file["episodes/00001"], name, outside / "secret.h5")
    sealed(folder)
    with (
        never_opened(outside),
        pytest.raises(DataError, match=f"h5, episode 1: {name} {sentence}"),
    ):
        read_all(folder)


def test_a_group_that_leads_out_is_not_followed(tmp_path):
    folder, outside = store_of(tmp_path / "s"), store_of(tmp_path / "outside")
    with h5py.File(folder / "episodes.h5", "r+") as file:
        del file["episodes/00001"]
        file["episodes/00001"] = h5py.ExternalLink(str(outside / "episodes.h5"), "/episodes/00001")
    sealed(folder)
    with never_opened(outside), pytest.raises(DataError, match="is a link to somewhere else"):
        read_all(folder)


def test_the_watch_sees_what_hdf5_opens(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(AssertionError, match="was opened"), never_opened(tmp_path):
        h5py.File(tmp_path / "a.h5").close()


def test_a_pipe_keeps_nobody_waiting(tmp_path):
    folder = store_of(tmp_path / "s")
    (folder / "episodes.h5").unlink()
    os.mkfifo(folder / "episodes.h5")
    with pytest.raises(DataError, match="is no file"):
        DemonstrationStore(folder)
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    with pytest.raises(DataError, match="no demonstrations"):
        DemonstrationStore(folder)


# ---------------------------------------------------------------- flips and cuts


@pytest.mark.parametrize("name", ["manifest.json", "episodes.h5"])
@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_hundred_damaged_ones_of_a_hundred_are_named_or_change_nothing(tmp_path, name, kind):
    folder = store_of(tmp_path / "s")
    before, file = DemonstrationStore(folder), folder / name
    expected = (before.manifest, before.task, [e.labels.tolist() for e in before])
    content, draw, named = file.read_bytes(), random.Random(0), 0
    for position in draw.sample(range(len(content)), 100):
        damaged = bytearray(content)
        if kind == "cut":
            del damaged[position:]
        else:
            damaged[position] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        try:
            store = DemonstrationStore(folder)
            assert expected == (store.manifest, store.task, [e.labels.tolist() for e in store])
        except LrsError as error:
            named += name in str(error)
    assert named >= (100 if name == "episodes.h5" else 60)
