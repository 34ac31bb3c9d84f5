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

from lrs_lightning.data import DemonstrationStore, Task, write_store
from lrs_lightning.data.store import file_sha256
from lrs_lightning.documents import read_json, write_json
from lrs_lightning.errors import DataError, LrsError
from tests.data.toys import DISCRETE, TASK, episode
from tests.reliability.opened import never_opened

PIXELS = Task("Pixels-v0", (4, 8, 8), "uint8", actions=3)


def sealed(folder: Path) -> Path:
    """Put the right SHA-256 of what the files are now into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for part in manifest["parts"]:
        part["sha256"] = file_sha256(folder / part["file"])
    write_json(folder / "manifest.json", manifest)
    return folder


def discrete(**arrays):
    made = {"actions": np.zeros(10, np.int64), "labels": np.zeros(10, np.int64)}
    return episode(**(made | arrays))


def pixels():
    frames = np.random.default_rng(0).integers(0, 255, (10, 1, 8, 8), np.uint8)
    return discrete(observations=frames)


MAKERS = {"box": (TASK, episode), "discrete": (DISCRETE, discrete), "pixels": (PIXELS, pixels)}


def store_of(folder: Path, kind: str = "box") -> Path:
    task, make = MAKERS[kind]
    write_store(folder, task, [make(), make()], {})
    return folder


def read_all(folder: Path) -> None:
    """What `fit` does: every episode, and every frame."""
    for one in DemonstrationStore(folder):
        np.asarray(one.observations)


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


# ---------------------------------------------------------------- the manifest


def changed(**entries):
    return lambda manifest: {**manifest, **entries}


def task(**entries):
    return lambda manifest: {**manifest, "task": {**manifest["task"], **entries}}


def part(**entries):
    return lambda manifest: {**manifest, "parts": [{**manifest["parts"][0], **entries}]}


MANIFESTS = [
    (changed(episodes="x"), r"Expected int, got str - at \$.episodes"),
    (changed(episodes=3), "3 episodes and 2 lengths"),
    (changed(episodes=-1), "Expected int >= 1"),
    (changed(lengths=[10, "x"]), r"\$.lengths"),
    (changed(lengths=[10]), "2 episodes and 1 lengths"),
    (changed(lengths=[10, 10**30]), "lengths"),
    (changed(returns=None), r"\$.returns"),
    (changed(returns=[1.0, {}]), r"\$.returns"),
    (changed(steps=7), "7 steps, and the lengths add up to 20"),
    (changed(origins=[{}, {"held_out": 3}]), "held_out"),
    (changed(origins=[{}, {"seed": "x"}]), "seed"),
    (changed(parts=[]), r"\$.parts"),
    (changed(parts={}), r"\$.parts"),
    (part(episodes=7), "the parts have others"),
    (part(file="../../secret.h5"), r"\$.parts\[0\].file|regex"),
    (part(file="/etc/passwd"), "regex"),
    (part(sha256=3), "sha256"),
    (lambda m: {**m, "parts": m["parts"] * 2, "episodes": 4}, "4 episodes and 2 lengths"),
    (changed(task=[]), r"\$.task"),
    (task(env="helper:X-v0"), "names a module to import"),
    (task(env=""), "is no name of an environment"),
    (task(env=3), r"\$.env"),
    (task(observation_shape=[0]), "observation_shape is"),
    (task(observation_shape=[1 << 20, 1 << 20]), "more than any task shows"),
    (task(observation_shape="x"), "observation_shape"),
    (task(observation_dtype="complex64"), "observation_dtype is 'complex64'"),
    (task(actions=0), "there are 0 actions"),
    (task(actions=1.5), r"\$.actions"),
    (task(action_low=[-1.0]), "no lower and upper bound of each"),
    (task(action_low=[3.0, 3.0]), "an action has no values"),
    (task(action_stort=3), "action_stort is unknown"),
    (changed(schema=3), "not a manifest of schema 2"),
    (changed(schema={}), "not a manifest of schema 2"),
]


@pytest.mark.parametrize(("change", "sentence"), MANIFESTS)
def test_a_manifest_is_of_its_shape_and_does_not_contradict_itself(tmp_path, change, sentence):
    folder = store_of(tmp_path / "s")
    write_json(
        folder / "manifest.json", change(read_json(folder / "manifest.json", dict, "write it"))
    )
    with pytest.raises(DataError, match=rf"manifest\.json.*(?:{sentence})") as refused:
        DemonstrationStore(folder)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600


SCHEMA_1 = [
    ({"validation": [-1]}, "Expected int >= 0"),
    ({"validation": [99]}, "contradicts itself"),
    ({"validation": "x"}, "validation"),
    ({"seeds": [1]}, "contradicts itself"),
    ({"noise": [0.0, "x"]}, "noise"),
    ({"episodes": "x"}, "episodes"),
    ({"sha256": 3}, "sha256"),
    ({"expert": {}}, "expert"),
    ({"episodes": 10**7}, "episodes"),
]


@pytest.mark.parametrize(("entries", "sentence"), [({}, None), *SCHEMA_1])
def test_the_first_schema_is_checked_as_well(tmp_path, entries, sentence):
    folder = store_of(tmp_path / "s")
    manifest = json.loads((folder / "manifest.json").read_text())
    old = {k: manifest[k] for k in ("task", "episodes", "lengths", "returns", "steps")}
    old |= {"schema": 1, "sha256": manifest["parts"][0]["sha256"], "seeds": [4, 5]}
    (folder / "manifest.json").write_text(json.dumps({**old, "validation": [1], **entries}))
    if sentence is None:
        store = DemonstrationStore(folder)
        assert [o.held_out for o in store.origins] == [False, True] and store.origins[1].seed == 5
        return
    with pytest.raises(DataError, match=rf"manifest\.json.*{sentence}"):
        DemonstrationStore(folder)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"schema": 2, "a": ' + b"[" * 900 + b"]" * 900 + b"}", b"\xff\xfe", b"3"],
)
def test_other_bytes_are_no_manifest(tmp_path, content):
    folder = store_of(tmp_path / "s")
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json.*: collect the demonstrations anew"):
        DemonstrationStore(folder)


def test_bounds_that_are_infinite_are_kept(tmp_path):
    free = Task("Toy-v2", (3,), "float32", action_low=(-np.inf, -1), action_high=(np.inf, 2))
    write_store(tmp_path / "s", free, [episode()], {})
    assert DemonstrationStore(tmp_path / "s").task == free


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
