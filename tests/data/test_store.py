"""A store comes back as it was written, or says in one sentence why it cannot."""

import json

import numpy as np
import pytest

from lrs_lightning.data import Demonstration, DemonstrationStore, Task, write_store
from lrs_lightning.documents import write_json
from lrs_lightning.errors import DataError, EnvironmentMismatchError

FIELDS = ("observations", "actions", "labels", "rewards")
TASK = Task("Toy-v0", (3,), "float32", action_low=(-1.0, -2.0), action_high=(1.0, 2.0))


def episode(steps: int, seed: int = 0) -> Demonstration:
    rng = np.random.default_rng(seed)
    return Demonstration(
        observations=rng.standard_normal((steps, 3)).astype(np.float32),
        actions=rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        labels=rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        rewards=rng.standard_normal(steps).astype(np.float32),
    )


@pytest.fixture
def folder(tmp_path):
    write_store(tmp_path / "demos", TASK, [episode(5), episode(300, 1), episode(1, 2)], {"seed": 7})
    return tmp_path / "demos"


def test_what_was_written_is_read(folder):
    store = DemonstrationStore(folder, "Toy-v0")
    assert [len(e) for e in store] == [5, 300, 1] == store.manifest["lengths"]
    assert store.manifest["seed"] == 7
    assert store.task == TASK
    for read, written in zip(store, [episode(5), episode(300, 1), episode(1, 2)], strict=True):
        for field in ("observations", "actions", "labels", "rewards"):
            np.testing.assert_array_equal(getattr(read, field), getattr(written, field))
    assert store.manifest["returns"][1] == pytest.approx(episode(300, 1).return_, abs=1e-3)


def test_spaces_survive(folder):
    task = DemonstrationStore(folder).task
    assert task.observation_space.shape == (3,)
    np.testing.assert_array_equal(task.action_space.high, np.array([1, 2], np.float32))


@pytest.mark.parametrize("position", [0.01, 0.3, 0.6, 0.99])
def test_a_flipped_byte_is_found(folder, position):
    path = folder / "episodes.h5"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"episodes.h5 was truncated or altered"):
        DemonstrationStore(folder)


def test_a_truncated_file_is_found(folder):
    path = folder / "episodes.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="truncated or altered"):
        DemonstrationStore(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 9}'])
def test_a_damaged_manifest_is_named(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest.json.*: collect the demonstrations anew"):
        DemonstrationStore(folder)


def test_missing_keys_of_the_task_are_named(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["task"]["env"]
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(DataError, match="description of the task is incomplete"):
        DemonstrationStore(folder)


def test_another_task_is_refused(folder):
    with pytest.raises(EnvironmentMismatchError, match=r"of Toy-v0, not of Hopper-v5"):
        DemonstrationStore(folder, "Hopper-v5")


def test_no_demonstrations(tmp_path):
    with pytest.raises(DataError, match="no demonstrations in .*collect some with"):
        DemonstrationStore(tmp_path)


def test_a_failed_write_leaves_the_old_store_and_nothing_else(folder):
    def broken():
        yield episode(4)
        raise DataError("the rollout failed")

    with pytest.raises(DataError, match="the rollout failed"):
        write_store(folder, TASK, broken(), {})
    assert len(DemonstrationStore(folder)) == 3
    assert [p.name for p in folder.parent.iterdir()] == ["demos"]


def test_a_store_replaces_a_store_but_nothing_else(folder, tmp_path):
    assert len(write_store(folder, TASK, [episode(2)], {})) == 1
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(DataError, match="is no demonstration store"):
        write_store(tmp_path / "thesis", TASK, [episode(2)], {})
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"


def test_no_episodes(tmp_path):
    with pytest.raises(DataError, match="no episodes to store"):
        write_store(tmp_path / "empty", TASK, [], {})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*choose another folder"):
        write_store(tmp_path / "file" / "demos", TASK, [episode(2)], {})


def test_floats_are_stored_as_float32_whoever_writes(tmp_path):
    made = episode(20)
    doubles = {name: getattr(made, name).astype(np.float64) for name in FIELDS}
    store = write_store(tmp_path / "s", TASK, [Demonstration(**doubles)], {})
    for name in FIELDS:
        assert getattr(store[0], name).dtype == np.float32
        np.testing.assert_array_equal(getattr(store[0], name), getattr(made, name))


@pytest.mark.parametrize("change", ["missing", "of another size"])
def test_a_file_that_the_manifest_names(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    if change == "missing":
        (folder / "episodes.h5").unlink()
        with pytest.raises(DataError, match=r"episodes.h5 is missing"):
            DemonstrationStore(folder)
    manifest["parts"][0]["size"] = 3
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(DataError, match=r"manifest.json: .*unknown field size"):
        DemonstrationStore(folder)
