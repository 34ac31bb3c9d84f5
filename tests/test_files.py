"""A file is there whole, as it was before, or not at all; and nothing else is left behind."""

from __future__ import annotations

import errno
import os

import pytest

from lrs_kernels import cache
from lrs_kernels.cache import cache_folder
from lrs_lightning.errors import DataError
from lrs_lightning.files import whole_file, write_whole


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_writes_text_and_bytes_into_a_folder_that_it_makes(tmp_path):
    assert write_whole(tmp_path / "new" / "a.txt", "grüße").read_text(encoding="utf-8") == "grüße"
    assert write_whole(tmp_path / "new" / "a.txt", b"\0\1").read_bytes() == b"\0\1"
    assert names(tmp_path / "new") == ["a.txt"]


def test_the_unfinished_file_lies_beside_the_target_and_has_its_suffix(tmp_path):
    with whole_file(tmp_path / "a.npz") as unfinished:
        assert unfinished.parent == tmp_path and unfinished.suffix == ".npz"
        unfinished.write_bytes(b"1")
        assert not (tmp_path / "a.npz").exists()
    assert names(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("failure", [ValueError("code"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_no_litter(tmp_path, failure):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(type(failure)), whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("half")
        raise failure
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, call):
    write_whole(tmp_path / "a.txt", "old")

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(DataError, match=r"cannot write .*a\.txt \(No space left.*free some space"):
        write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write"):
        write_whole(tmp_path / "file" / "a.txt", "x")


def test_file_and_folder_reach_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    seen = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        seen.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append("rename"), replace(a, b)))
    write_whole(tmp_path / "a.txt", "x")
    assert seen[0].startswith(".a.") and seen[1:] == ["rename", tmp_path.name]


@pytest.mark.parametrize("name", ["lrs_kernels", "lrs_lightning"])
def test_the_cache_is_one_place_that_a_variable_moves(monkeypatch, tmp_path, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(name) == tmp_path / name
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder(name) == tmp_path / ".cache" / name


@pytest.mark.parametrize("home", ["/", "/dev/null"])
def test_a_home_that_cannot_be_written_to_is_warned_of(monkeypatch, caplog, home):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # root may write everywhere
    monkeypatch.setenv("HOME", home)
    cache._warn.cache_clear()
    assert cache_folder("x") == cache_folder("x") == cache.temporary_cache() / "x"
    (record,) = caplog.records
    assert home in record.message and "set XDG_CACHE_HOME" in record.message


def test_a_process_without_a_home_has_a_cache_as_well(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", nowhere)
    assert cache_folder("x").name == "x" and str(os.getuid()) in str(cache_folder("x"))
