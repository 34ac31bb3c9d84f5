"""A format of one's own: a class, registered; `import` finds it like those that ship."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from lrs_lightning.data import Demonstration
from lrs_lightning.data.importers import (
    Importer,
    import_demonstrations,
    importers,
    register,
    registry,
)
from lrs_lightning.errors import ArgumentError, DataError, UnknownNameError
from tests.data.importers.test_npz import arrays


@pytest.fixture(autouse=True)
def only_ours(monkeypatch):
    importers()
    monkeypatch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))


def ones(steps):
    actions = np.zeros((steps, 6), np.float32)
    return Demonstration(np.ones((steps, 17)), actions, actions, np.zeros(steps))


@dataclass(frozen=True)
class Lines(Importer):
    """Each line of a text is the length of an episode."""

    name = "lines"
    description = "a text of lengths"
    env = "HalfCheetah-v5"
    times: int = 1

    @classmethod
    def recognises(cls, source):
        return source.suffix == ".txt"

    def episodes(self, source, task):
        for line in source.read_text().split():
            yield ones(self.times * int(line))

    def about(self):
        return {"times": self.times}


def test_a_format_is_one_class(tmp_path):
    register(Lines)
    assert importers()["lines"] is Lines
    (tmp_path / "mine.txt").write_text("3\n4\n")
    counted = []
    store = import_demonstrations(
        tmp_path / "mine.txt", tmp_path / "out", options={"times": 2}, on_episode=counted.append
    )
    assert store.manifest["lengths"] == [6, 8] and counted == [1, 2]
    assert store.manifest["times"] == 2 and store.manifest["expert"] == "lines"
    assert store[0].observations.dtype == np.float32


def test_a_stream_is_read_one_episode_at_a_time(tmp_path):
    """The second episode is not asked for before the first is stored."""
    order = []

    @register
    class Endless(Lines):
        name = "endless"

        def episodes(self, source, task):
            for number in range(3):
                order.append(f"read {number}")
                yield replace(ones(2), observations=np.full((2, 17), float(number)))

    (tmp_path / "mine.txt").write_text("")
    import_demonstrations(
        tmp_path / "mine.txt",
        tmp_path / "out",
        "endless",
        on_episode=lambda n: order.append(f"stored {n}"),
    )
    assert order == ["read 0", "stored 1", "read 1", "stored 2", "read 2", "stored 3"]


def test_formats_of_installed_packages_are_found(monkeypatch):
    point = EntryPoint("lines", f"{__name__}:Lines", registry.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Lines)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] if group == point.group else []
    )
    registry._load.cache_clear()
    assert "lines" in importers()


def test_those_that_ship_are_there():
    assert {"ncps-npz", "npz"} <= importers().keys()
    assert all(kind.description for kind in importers().values())


def test_a_format_needs_a_name_of_its_own():
    with pytest.raises(ArgumentError, match="importer Nameless has no name"):
        register(type("Nameless", (Lines,), {"name": ""}))
    with pytest.raises(ArgumentError, match="importer 'npz' exists already"):
        register(type("Mine", (Lines,), {"name": "npz"}))


def test_what_cannot_be_read(tmp_path):
    def read(source=tmp_path, format="auto", **options):
        import_demonstrations(source, tmp_path / "out", format, options=options)

    with pytest.raises(UnknownNameError, match="unknown format 'nzp': did you mean 'npz'"):
        read(format="nzp")
    with pytest.raises(ArgumentError, match="no file or folder at"):
        read(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="no format would read .*--format, one of csv, .*npz"):
        read()
    np.savez(tmp_path / "a.npz", **arrays())
    with pytest.raises(ArgumentError, match="does not say which task its files are of: name it"):
        read()
    with pytest.raises(ArgumentError, match="no option 'outsid': did you mean 'outside'"):
        read(outsid="clip")
    register(type("Also", (Lines,), {"name": "also", "recognises": classmethod(lambda c, s: True)}))
    with pytest.raises(ArgumentError, match="also and npz would read"):
        read()


def test_what_an_importer_gets_wrong_is_told(tmp_path):
    @register
    class Wrong(Lines):
        name = "wrong"

        def episodes(self, source, task):
            yield ones(3)
            yield Demonstration(np.ones((4, 17)), *[np.full((4, 6), 2.0)] * 2, np.zeros(4))

    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match="episode 1: actions at step 0, channel 0"):
        import_demonstrations(tmp_path / "mine.txt", tmp_path / "out", "wrong")
    assert not (tmp_path / "out").exists()
