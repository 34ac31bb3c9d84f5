"""Compiling on first use where something is wrong: a slower backend and one sentence, no crash."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lrs_kernels import dispatch, find_cell
from lrs_kernels.native import build
from lrs_kernels.native.seal import is_whole
from tests.selection import long_only

ROOT = Path(__file__).resolve().parents[3]
CFC = find_cell("cfc")
pytestmark = pytest.mark.skipif(not build._compilers(), reason="no C compiler here")

PLAIN = ("-std=gnu11", "-O0", "-fPIC")
"""Compiled in a tenth of the time."""

SCAN = f"""
import sys, torch
from lrs_kernels import cfc_scan, dispatch, find_cell, lstm_scan
from lrs_kernels.native import build
build._FLAGS = {PLAIN}
weight, h0 = torch.ones(3, 4, 4), torch.zeros(2, 4)
y, h = cfc_scan(torch.ones(3, 2, 12), weight, h0)
if len(sys.argv) > 1:
    lstm_scan(torch.ones(3, 2, 16), torch.ones(4, 4, 4), (h0, h0))
print(dispatch.choose("auto", find_cell("cfc"), "paper", "cpu").backend, float(y.sum()))
"""


@pytest.fixture(autouse=True)
def forget():
    known = (build.load_library, build._warn, dispatch.choose)
    for each in known:
        each.cache_clear()
    yield
    for each in known:
        each.cache_clear()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "_FLAGS", PLAIN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lrs_kernels"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"#!/bin/sh\n" + text.encode("latin-1"))
    path.chmod(0o755)
    return path


def scan(
    environment: dict[str, str], *arguments: str, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """In a process of its own, so that what would end it is seen."""
    return subprocess.run(
        [sys.executable, "-c", before + SCAN, *arguments],
        env={"PYTHONPATH": str(ROOT / "kernels"), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=250,
    )


DAMAGES = {
    "empty": lambda content: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "one bit": lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
    "other bytes": lambda content: b"\x7fELF" + os.urandom(4000),
    "longer": lambda content: content + b"\0",
}


def test_a_damaged_library_is_compiled_anew(cache):
    assert build.load_library(CFC).functions is not None
    (library,) = cache.iterdir()
    good = library.read_bytes()
    for kind, damage in DAMAGES.items():
        # A new file, as a disk would have it: this process has mapped the old one.
        library.unlink()
        library.write_bytes(damage(good))
        assert not is_whole(library), kind
        build.load_library.cache_clear()
        assert build.load_library(CFC).functions is not None, kind
        assert is_whole(library) and list(cache.iterdir()) == [library], kind


def test_an_unsealed_library_is_not_loaded(cache):
    build.load_library(CFC)
    (library,) = cache.iterdir()
    content = library.read_bytes()
    library.unlink()
    library.write_bytes(content[:-60])
    done = scan({"XDG_CACHE_HOME": str(cache.parent), "PATH": os.environ["PATH"]})
    assert done.returncode == 0 and done.stdout.startswith("native "), done.stderr


def test_a_compiler_that_fails_is_followed_by_the_next(cache, tmp_path, monkeypatch):
    bad = script(tmp_path / "bin" / "bad-cc", "echo 'bad-cc: error: no licence' >&2; exit 1")
    monkeypatch.setenv("CC", str(bad))
    functions, reason = build.load_library(CFC)
    assert functions is not None and "compiled by cc" in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 'Fehler: erfüllt nicht; error: kein Gerät' >&2; exit 1", "Fehler: erf"),
        ("printf 'note: x\\nscan.c:1: error: no such flag\\n' >&2; exit 1", "error: no such flag"),
        ("printf 'Gerät 1.0 é\\n'; exit 0", "reports no error and has written nothing"),
        ("kill -9 $$", "ended by signal 9"),
        ("exit 7", "exit code 7"),
        ("exec sleep 30", "it took more than 1 s"),
    ],
)
def test_what_stood_in_the_way_is_said_once(cache, tmp_path, monkeypatch, caplog, text, reason):
    bad = script(tmp_path / "bin" / "cc", text)
    monkeypatch.setenv("PATH", f"{bad.parent}")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(build, "_PATIENCE", 1.0 if "sleep" in text else 60.0)
    if "sleep" in text:
        bad.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    for name, variant in (("cfc", "paper"), ("lstm", "standard"), ("gru", "standard")):
        choice = dispatch.choose("auto", find_cell(name), variant, "cpu")
        assert choice.backend == "cpu"
        assert "cc failed: " in choice.reason and reason in choice.reason
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1 and "\n" not in warnings[0]
    assert "run without compiled C" in warnings[0] and f"{build.DISABLED}=0 silences" in warnings[0]


@pytest.mark.parametrize("kind", ["read-only", *map(long_only, ["file in the way", "nowhere"])])
def test_a_cache_that_cannot_be_used_is_named_with_a_way_out(tmp_path, kind):
    """In a process of its own, which prints what a user sees."""
    place = tmp_path / "home" / ".cache"
    place.parent.mkdir()
    if kind == "file in the way":
        place.write_text("")
    elif kind == "read-only":
        place = Path("/proc/nobody/can/write/here")
    elif kind == "nowhere":
        place = Path("/dev/null")
    done = scan({"XDG_CACHE_HOME": str(place), "PATH": os.environ["PATH"]}, "twice")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cpu ")
    (line,) = done.stderr.splitlines()
    assert str(place) in line and "set XDG_CACHE_HOME to a folder of yours" in line


def test_without_a_home_it_compiles_into_the_users_own_cache(tmp_path):
    """HOME is that of the list of users, or else the place for temporary files is taken."""
    code = (
        "import os, pathlib, lrs_kernels.cache as c\n"
        "def none(cls): raise RuntimeError\n"
        "pathlib.Path.home = classmethod(none)\n"
    )
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    done = scan(environment, before=code)
    assert done.returncode == 0 and done.stdout.startswith("native "), done.stderr
    (library,) = (tmp_path / f"cache-{os.getuid()}" / "lrs_kernels").glob("cfc-*.so")
    assert is_whole(library) and done.stderr == ""


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=pytest.mark.long)])
def test_first_builds_at_once_are_right_and_leave_one_library(tmp_path, processes):
    with ThreadPoolExecutor(processes) as threads:
        environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = list(threads.map(lambda _: scan(environment), range(processes)))
    assert [d.returncode for d in done] == [0] * processes, [d.stderr for d in done]
    assert len({d.stdout for d in done}) == 1 and done[0].stdout.startswith("native ")
    assert all(d.stderr == "" for d in done)
    (library,) = (tmp_path / "lrs_kernels").iterdir()
    assert is_whole(library), "nothing half-made is left beside it"
