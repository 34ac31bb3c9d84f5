"""Compiling on first use: where it works, and what happens where it cannot."""

from __future__ import annotations

import shutil

import pytest

from lrs_kernels import dispatch, find_cell
from lrs_kernels.native import build

CFC = find_cell("cfc")
needs_compiler = pytest.mark.skipif(not build._compilers(), reason="no C compiler here")


@pytest.fixture(autouse=True)
def forget():
    """What one test found out about this machine must not reach the next."""
    known = (build.load_library, build._warn, dispatch.choose)
    for each in known:
        each.cache_clear()
    yield
    for each in known:
        each.cache_clear()


@needs_compiler
def test_compiles_once_into_a_private_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.load_library(CFC).functions is not None
    (made,) = (tmp_path / "lrs_kernels").iterdir()
    written = made.stat().st_mtime_ns
    build.load_library.cache_clear()
    assert build.load_library(CFC).functions is not None
    assert made.stat().st_mtime_ns == written


@needs_compiler
@pytest.mark.parametrize("changed", ["scan.c", "passes.h", "cells/cfc.h"])
def test_a_library_is_named_after_all_that_it_is_made_of(tmp_path, monkeypatch, changed):
    folder = tmp_path / "native"
    shutil.copytree(build.SOURCE.parent, folder)
    monkeypatch.setattr(build, "SOURCE", folder / "scan.c")
    header = folder / "cells" / "cfc.h"

    def name(constants):
        return build._fingerprint(build._compilers()[0], header, constants)

    before = name({"SAVED": 3})
    assert name({"SAVED": 3}) == before != name({"SAVED": 4})
    (folder / changed).write_text((folder / changed).read_text() + "/* changed */\n")
    assert name({"SAVED": 3}) != before


@needs_compiler
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "lrs_kernels").mkdir()
    (tmp_path / "lrs_kernels").chmod(0o777)
    functions, reason = build.load_library(CFC)
    assert functions is None and "writable by nobody else" in reason


@needs_compiler
def test_a_failing_compiler_is_quoted(tmp_path, monkeypatch):
    broken = tmp_path / "broken.c"
    broken.write_text("#error no such processor\n")
    monkeypatch.setattr(build, "SOURCE", broken)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    functions, reason = build.load_library(CFC)
    assert functions is None and "no such processor" in reason


def test_without_a_compiler_the_loop_runs_and_says_why(monkeypatch, caplog):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with caplog.at_level("INFO", logger="lrs_kernels"):
        choice = dispatch.choose("auto", CFC, "paper", "cpu")
    assert choice.backend == "cpu" and "no C compiler" in choice.reason
    assert "cfc scan on cpu runs on 'cpu': not on 'native', because no C compiler" in caplog.text
    with pytest.raises(ValueError, match="'native' cannot run this cfc scan: no C compiler"):
        dispatch.choose("native", CFC, "paper", "cpu")


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(build.DISABLED, "0")
    assert dispatch.choose("auto", find_cell("gru"), "standard", "cpu").backend == "cpu"
