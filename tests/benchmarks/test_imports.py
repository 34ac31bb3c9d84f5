"""The section that measures imports, at a small size: every format is written as it is read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import imports
from benchmarks._process import peak_mb
from benchmarks.import_sources import SOURCES, recorded
from lrs_lightning.data.importers import import_demonstrations
from lrs_lightning.errors import DataError, UnknownNameError


@pytest.mark.parametrize("name", SOURCES)
def test_each_recording_is_what_its_importer_reads(tmp_path, name):
    if name in ("parquet", "lerobot"):
        pytest.importorskip("pyarrow")
    store = import_demonstrations(
        SOURCES[name](tmp_path / "r", 3, 20), tmp_path / "s", name, "none"
    )
    assert store.manifest["lengths"] == [20, 20, 20] and store.manifest["format"] == name
    for episode, (seen, done, earned) in zip(store, recorded(3, 20), strict=True):
        np.testing.assert_array_equal(episode.observations, seen)
        np.testing.assert_array_equal(episode.actions, done)
        np.testing.assert_array_equal(np.float32(episode.rewards), np.float32(earned))


def check_smoke(tmp_path, capsys):
    imports.measure(formats=["npz"], smoke=True, out=tmp_path / "t.csv")
    told = capsys.readouterr().out
    assert "npz: 60 steps in " in told and "peak " in told
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.long
def test_smoke_measures_in_a_process_of_its_own_and_writes_nothing(tmp_path, capsys):
    check_smoke(tmp_path, capsys)


def test_what_a_process_measures_is_what_is_told(tmp_path, capsys, monkeypatch):
    def here(source, out, format):
        imports.child(str(source), str(out), format)
        return {"seconds": 1.0, **json.loads(capsys.readouterr().out)}

    monkeypatch.setattr(imports, "imported", here)
    check_smoke(tmp_path, capsys)


def test_what_fails_and_what_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "_CHILD", "import sys; sys.exit('it is too long')")
    with pytest.raises(DataError, match="importing npz failed: it is too long"):
        imports.imported(tmp_path / "absent", tmp_path / "s", "npz")
    with pytest.raises(UnknownNameError, match="unknown format 'csvv'"):
        imports.measure(formats=["csvv"])
    assert peak_mb() > 10
