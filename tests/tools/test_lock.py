"""Lock, pyproject.toml and constraints.txt say the same, and pip keeps to what the lock says."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from tools import lock
from tools.lock import BOUND, LOCK, OF_TORCH, ROOT, read, version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
FILES = {file.stem: read(file.read_text()) for file in sorted(LOCK.glob("*.txt"))}


def needed_by_tests() -> list[str]:
    """What `make test` needs: the extras that are tested, and the groups of `dev`."""
    groups = [member["include-group"] for member in GROUPS["dev"]]
    found = [word for extra in ("atari", "export", "onnx") for word in EXTRAS[extra]]
    return found + [word for group in groups for word in GROUPS[group]]


BASE = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["build-system"]["requires"],
    *GROUPS["editable"],
]
# What is set up -> what it is declared to need, and the files that are installed for it.
COMMANDS = {
    "fit": (BASE, ("torch", "fit")),
    "fit-atari": ([*BASE, *EXTRAS["atari"]], ("torch", "fit", "atari")),
    "test": ([*BASE, *needed_by_tests()], ("torch", "fit", "test")),
    "expert": ([*BASE, *EXTRAS["expert"]], ("torch", "fit", "expert")),
    "export": ([*BASE, *EXTRAS["export"]], ("torch", "fit", "export")),
    "parquet": ([*BASE, *EXTRAS["parquet"]], ("torch", "fit", "parquet")),
    "audit": (GROUPS["supply"], ("supply",)),
    "docs": (GROUPS["docs"], ("docs",)),
}
COMMON = {"torch", *lock.SETS}  # resolved together; the others have environments of their own
TARGETS = {
    "fit": "installed",
    "fit-atari": "installed-atari",
    "test": "installed-dev",
    "expert": "installed-expert",
    "export": "installed-export",
    "parquet": "installed-parquet",
    "audit": "supply/installed",
    "docs": "docs/installed",
}


@cache
def requirements(command: str) -> tuple[Requirement, ...]:
    """Those of a command."""
    return tuple(Requirement(word) for word in COMMANDS[command][0])


def locked(command: str) -> dict[str, str]:
    """Name -> version of all that the command installs."""
    return {n: version(b) for name in COMMANDS[command][1] for n, b in FILES[name].items()}


@pytest.mark.parametrize("file", FILES)
def test_every_package_has_one_version_and_hashes(file):
    assert FILES[file]
    for name, block in FILES[file].items():
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})(?: \\)?\n", block)
        assert len(hashes) == block.count("--hash") == len(set(hashes)) >= 1, name
        assert name == canonical(name)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_declared_is_locked_at_a_version_that_fits(command):
    there = locked(command)
    for one in requirements(command):
        assert canonical(one.name) in there, one
        assert there[canonical(one.name)] in one.specifier, one


@pytest.mark.parametrize("command", ["fit", "test"])
def test_what_is_needed_by_what_is_needed_is_locked_too(command):
    """Followed through the packages installed here, as far as they are of the locked version."""
    there, seen, todo = locked(command), set(), list(requirements(command))
    while todo:
        one = todo.pop()
        name = canonical(one.name)
        key = (name, frozenset(one.extras))
        if key in seen or not applies(one, {""}):
            continue
        seen.add(key)
        assert name in there, one
        todo += [
            Requirement(str(child).split(";")[0])
            for child in needs(name, there[name])
            if applies(child, {"", *one.extras})
        ]
    assert len(seen) > 40


def needs(name: str, at: str) -> list[Requirement]:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    # A local version is a build: 2.13.0+cpu.
    return (
        [Requirement(w) for w in found.requires or []] if found.version.split("+")[0] == at else []
    )


def applies(one: Requirement, extras: set[str]) -> bool:
    return one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)


def test_a_version_is_the_same_in_every_file_and_in_the_constraints():
    pairs = {
        (n, version(b)) for f, blocks in FILES.items() if f in COMMON for n, b in blocks.items()
    }
    versions = dict(pairs)
    assert len(versions) == len(pairs)
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    constraints = dict(line.split("==") for line in lines if not line.startswith("#"))
    cuda = {n for n in versions if OF_TORCH.fullmatch(n)} - {"torch", "triton"}
    assert constraints == {n: v for n, v in versions.items() if n not in cuda}


def test_the_cpu_build_is_of_the_locked_torch():
    assert list(FILES["torch-cpu"]) == ["torch"]
    assert version(FILES["torch-cpu"]["torch"]) == version(FILES["torch"]["torch"]) + "+cpu"


def test_only_test_names_triton_beside_torch():
    """A CPU build brings nothing that the CUDA build alone needs, but what interprets kernels."""
    for name in lock.SETS:
        found = [n for n in FILES[name] if OF_TORCH.fullmatch(n)]
        assert found == (["triton"] if name == "test" else [])


def test_make_installs_nothing_but_the_lock_and_the_project():
    (words,) = re.findall(r"^LOCKED := (.*)$", MAKEFILE, re.M)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(words.split())
    (other,) = re.findall(r"^\t\$\(PIP\) install (.*)$", MAKEFILE, re.M)
    assert other == "-q --no-deps --no-build-isolation -e ."
    # Those of floors are what they are for: other versions than the locked ones, apart from .venv.
    apart = re.findall(r"^\t\.venv/\$\*/bin/python -m pip install (.*)$", MAKEFILE, re.M)
    assert len(re.findall(r"\binstall -", MAKEFILE)) == 2 + len(apart)


@pytest.mark.parametrize("command", TARGETS)
def test_make_installs_these_files(command):
    make = ["make", "-n", "-B", f".venv/{TARGETS[command]}"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    cpu = {"torch-cpu"} if "torch" in COMMANDS[command][1] else set()
    assert set(re.findall(r"-r lock/([\w-]+)\.txt", said)) == {*COMMANDS[command][1], *cpu}


@pytest.fixture
def shelf(tmp_path):
    """A folder with one small wheel."""
    file = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("thing.py", "")
        wheel.writestr(
            "thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"
        )
        wheel.writestr(
            "thing-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    return file


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("thing==1.0 --hash=sha256:{right}", True),
        ("thing==1.0 --hash=sha256:{wrong} --hash=sha256:{right}", True),
        ("thing==1.0 --hash=sha256:{wrong}", False),
        ("thing==1.0", False),
        ("thing --hash=sha256:{right}", False),
    ],
)
def test_pip_takes_what_the_lock_names_and_nothing_else(shelf, tmp_path, line, fits):
    """With the words of the Makefile: a file of another hash, or none, is not installed."""
    (words,) = re.findall(r"^LOCKED := \$\(PIP\) (.*)$", MAKEFILE, re.M)
    right = hashlib.sha256(shelf.read_bytes()).hexdigest()
    file = tmp_path / "lock.txt"
    file.write_text(line.format(right=right, wrong="0" * 64) + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *shlex.split(words)]
    pip += ["--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "site")]
    done = subprocess.run([*pip, "-r", file], capture_output=True, text=True)
    assert (done.returncode == 0) is fits, done.stderr
    assert (tmp_path / "site" / "thing.py").exists() is fits


def test_two_versions_of_one_package_are_refused():
    text = "a==1 ; python_version < '3.12' \\\n    --hash=sha256:0\na==2 \\\n    --hash=sha256:1\n"
    with pytest.raises(ValueError, match="a stands there twice"):
        read(text)


def test_the_bound_on_python_leaves_the_markers():
    text = """\
a==1 ; python_full_version < '3.14' \\
b==1 ; python_full_version < '3.14' and sys_platform == 'linux' \\
c==1 ; (python_full_version < '3.14' and os_name == 'nt') or (python_full_version < '3.14' and x) \\
"""
    assert (
        BOUND.sub("", text)
        == """\
a==1 \\
b==1 ; sys_platform == 'linux' \\
c==1 ; (os_name == 'nt') or (x) \\
"""
    )
    assert "<3.14" in PROJECT["project"]["requires-python"]
    assert PROJECT["tool"]["uv"]["environments"] == ["python_version < '3.14'"]
