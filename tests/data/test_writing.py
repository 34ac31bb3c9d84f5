"""A store is its old state or its new one: while it is written, and where a writer is killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.data import DemonstrationStore, Origin, append_episodes, write_store
from lrs_lightning.errors import DataError
from tests.data.toys import DISCRETE, FORK, TASK, episode, together, writer_of
from tests.selection import long_only


@pytest.fixture
def folder(tmp_path):
    write_store(tmp_path / "demos", TASK, [episode(seed=1), episode(5, seed=1)], {"expert": "me"})
    return tmp_path / "demos"


def content(store):
    return [(len(e), np.asarray(e.observations).tobytes(), e.origin) for e in store]


def test_a_store_grows_round_by_round(folder):
    """As DAgger wants it: the student acts, the expert labels, beta falls."""
    first = DemonstrationStore(folder)
    for number, beta in ((1, 0.5), (2, 0.25)):
        origin = Origin("student", "expert", round=number, beta=beta, seed=100 + number)
        grown = append_episodes(folder, [episode(7, seed=1, origin=origin)])
    assert len(first) == 2 and len(grown) == 4
    assert content(grown)[:2] == content(first)
    assert [(o.actor, o.labeller, o.round, o.beta) for o in grown.origins[2:]] == [
        ("student", "expert", 1, 0.5),
        ("student", "expert", 2, 0.25),
    ]
    manifest = grown.manifest
    assert manifest["lengths"] == [10, 5, 7, 7] and manifest["steps"] == 29
    assert manifest["expert"] == "me" and len(manifest["returns"]) == 4
    again = DemonstrationStore(folder)
    assert content(again) == content(grown)
    assert [e.origin.round for e in again] == [0, 0, 1, 2]


def test_what_was_opened_stays_as_it_was(folder):
    """Also where it is read after it was replaced twice."""
    opened, before = DemonstrationStore(folder), content(DemonstrationStore(folder))
    append_episodes(folder, [episode(3, seed=9)])
    write_store(folder, TASK, [episode(4, seed=5)], {})
    write_store(folder, TASK, [episode(4, seed=6)], {})
    assert content(opened) == before
    assert writer_of(DemonstrationStore(folder)) == 6


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        ([], "no episodes to store"),
        ([episode(labels=np.full((10, 2), np.nan))], r"episode 2: labels at step 0, channel 0"),
    ],
)
def test_an_append_that_fails_changes_nothing(folder, episodes, message):
    before = sorted(p.name for p in folder.iterdir()), content(DemonstrationStore(folder))
    with pytest.raises(DataError, match=message):
        append_episodes(folder, episodes)
    assert (sorted(p.name for p in folder.iterdir()), content(DemonstrationStore(folder))) == before


def test_there_must_be_a_store_to_append_to(tmp_path):
    with pytest.raises(DataError, match="no demonstrations in"):
        append_episodes(tmp_path / "none", [episode()])
    assert not list(tmp_path.iterdir())


def test_appended_episodes_are_of_the_stores_task(tmp_path):
    labels = np.zeros(10, np.int64)
    write_store(tmp_path / "s", DISCRETE, [episode(actions=labels, labels=labels)], {})
    with pytest.raises(DataError, match=r"episode 1: actions have shape \(10, 2\)"):
        append_episodes(tmp_path / "s", [episode()])


@pytest.mark.parametrize(
    ("rounds", "begin"),
    [(15, False), (10, True), pytest.param(60, False, marks=pytest.mark.long)],
)
def test_two_writers_of_one_folder_are_each_right(tmp_path, rounds, begin):
    """Both start at the same moment, in a cold folder or a store; nothing fails or is mixed."""
    barrier = FORK.Barrier(2)

    def write(who: int) -> list[str]:
        found = []
        for number in range(rounds):
            folder = tmp_path / f"round-{number}"
            if begin and who == 1:
                write_store(folder, TASK, [episode(3, seed=9)], {})
            barrier.wait(30)
            try:
                store = write_store(folder, TASK, [episode(20, seed=who)] * 3, {})
                if writer_of(store) != who or len(store) != 3:
                    found.append(f"round {number}: {who} got the other's store")
            except Exception as error:
                found.append(f"round {number}: {type(error).__name__}: {error}")
            barrier.wait(30)
            if writer_of(DemonstrationStore(folder)) not in (1, 2):
                found.append(f"round {number}: the store is neither's")
        return found

    assert together(lambda: write(1), lambda: write(2), seconds=120) == [[], []]
    for number in range(rounds):
        names = {p.name for p in (tmp_path / f"round-{number}").iterdir()}
        assert len(names) == 3, names  # the lock, the manifest, and one file of episodes


def test_appending_from_two_processes_loses_nothing(folder):
    def append(who: int) -> int:
        for number in range(10):
            origin = Origin(f"writer {who}", round=number)
            append_episodes(folder, [episode(4, seed=who, origin=origin)])
        return who

    assert together(lambda: append(3), lambda: append(4)) == [3, 4]
    store = DemonstrationStore(folder)
    assert len(store) == 22
    for who in (3, 4):
        assert [o.round for o in store.origins if o.actor == f"writer {who}"] == list(range(10))


def test_a_reader_never_finds_less_than_a_store(folder):
    """While it is replaced and grows, as fast as that goes."""
    stop = FORK.Event()

    def write() -> int:
        for who in range(2, 42):
            write_store(folder, TASK, [episode(20, seed=who)], {})
            append_episodes(folder, [episode(3, seed=who)])
        stop.set()
        return 0

    def read() -> int:
        seen = 0
        while not stop.is_set() or seen == 0:
            assert writer_of(DemonstrationStore(folder)) in range(1, 42)
            seen += 1
        return seen

    written, *seen = together(write, read, read)
    assert written == 0
    assert all(isinstance(count, int) and count > 0 for count in seen), seen


def killed_at(call: int, action) -> bool:
    """Run `action` in a process that dies, without a farewell, at its n-th call of the system."""

    def child() -> None:
        left = call
        for name in ("replace", "unlink", "fsync", "mkdir", "rmdir", "open"):
            original = getattr(os, name)

            def counted(*args, original=original, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return original(*args, **kwargs)

            setattr(os, name, counted)
        action()
        os._exit(0)

    process = FORK.Process(target=child)
    process.start()
    process.join(30)
    return process.exitcode == 9


@pytest.mark.parametrize("what", ["first write", long_only("replacement"), "append"])
def test_a_writer_killed_anywhere_loses_nothing(tmp_path, what):
    new = [episode(6, seed=2)]
    for call in range(100):
        folder = tmp_path / f"{call}"
        if what != "first write":
            write_store(folder, TASK, [episode(seed=1)], {})
        act = append_episodes if what == "append" else lambda f, e: write_store(f, TASK, e, {})
        died = killed_at(call, lambda act=act, folder=folder: act(folder, new))
        _check_after_death(folder, what)
        if not died:
            break
    assert 5 < call < 99  # it died at several places, and at last not at all


def _check_after_death(folder: Path, what: str) -> None:
    if (folder / "manifest.json").exists():
        lengths = [len(e) for e in DemonstrationStore(folder)]
        allowed = {"first write": [[6]], "replacement": [[10], [6]], "append": [[10], [10, 6]]}
        assert lengths in allowed[what]
    else:
        assert what == "first write"
    begin = time.monotonic()
    store = write_store(folder, TASK, [episode(2, seed=3)], {})  # the next one clears up
    assert time.monotonic() - begin < 10 and len(store) == 1
    names = sorted(p.name for p in folder.iterdir())
    assert names == [
        ".lock",
        *sorted({part["file"] for part in store.manifest["parts"]}),
        "manifest.json",
    ]
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []


def test_files_of_others_are_never_touched(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "episodes.csv").write_text("mine too")
    write_store(folder, TASK, [episode(2)], {})
    append_episodes(folder, [episode(2)])
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "episodes.csv").read_text() == "mine too"


def test_an_h5_file_of_somebody_else_is_no_store_begun(tmp_path):
    (tmp_path / "episodes.h5").write_bytes(b"mine")
    with pytest.raises(DataError, match="is no demonstration store"):
        write_store(tmp_path, TASK, [episode()], {})
    assert (tmp_path / "episodes.h5").read_bytes() == b"mine"


def test_a_store_of_the_first_schema_is_read_and_grows(folder):
    import json

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    (part,) = manifest.pop("parts")
    del manifest["origins"]
    manifest |= {"schema": 1, "sha256": part["sha256"], "seeds": [3, 4], "noise": [0.0, 0.4]}
    path.write_text(json.dumps(manifest | {"validation": [1]}))
    store = DemonstrationStore(folder)
    assert [(o.actor, o.seed, o.noise, o.held_out) for o in store.origins] == [
        ("me", 3, 0.0, False),
        ("me", 4, 0.4, True),
    ]
    assert [len(e) for e in append_episodes(folder, [episode(2)])] == [10, 5, 2]
