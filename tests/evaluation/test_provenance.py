"""What a result says of its making is so."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lrs_lightning
from lrs_lightning.envs import available_cores
from lrs_lightning.evaluation import provenance as module
from lrs_lightning.evaluation.provenance import (
    commit,
    device,
    provenance,
    row_columns,
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is looked up once for a process is looked up anew, and leaves nothing behind."""
    for cached in (module.commit, module._processor):
        cached.cache_clear()
    yield
    for cached in (module.commit, module._processor):
        cached.cache_clear()


def test_it_says_when_where_and_with_what() -> None:
    about = provenance(range(3, 6), suite="paper")
    assert list(about) == [
        "run", "date", "commit", "device", "threads", "versions", "seeds", "suite",
    ]  # fmt: skip
    date = datetime.fromisoformat(about["date"])
    assert date.utcoffset() == timedelta(0) and abs(datetime.now(UTC) - date) < timedelta(minutes=5)
    assert date.microsecond == 0
    assert about["seeds"] == [3, 4, 5] and about["suite"] == "paper"
    assert about["versions"]["numpy"] == np.__version__
    assert about["versions"]["python"] == platform.python_version()
    assert (about["device"], about["threads"]) == (device(), available_cores())
    assert json.loads(json.dumps(about)) == about


def test_without_seeds_there_are_none() -> None:
    assert provenance()["seeds"] == []


def test_every_run_has_a_name_of_its_own() -> None:
    names = {provenance()["run"] for _ in range(20)}
    assert len(names) == 20
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in names)


def test_a_line_of_results_repeats_it_flat() -> None:
    about = provenance([1], suite="paper")
    flat = row_columns(about)
    assert list(flat) == ["run", "date", "commit", "device", "threads", "versions"]
    assert flat | {"versions": ""} == {k: about[k] for k in flat} | {"versions": ""}
    assert flat["versions"] == ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    assert row_columns({"versions": {}})["run"] is None  # of an older file


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a repository with one commit."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(lrs_lightning, "__file__", str(package / "__init__.py"))
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_the_commit_is_that_of_the_checkout_and_marked_where_files_were_changed(
    checkout: Path,
) -> None:
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    head = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert commit() == head[:12]
    (checkout / "package" / "new.py").write_text("")
    assert commit() == head[:12]  # of the code that was loaded
    module.commit.cache_clear()
    assert commit() == head[:12] + "+"


def test_an_installed_package_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lrs_lightning, "__file__", str(tmp_path / "package" / "__init__.py"))
    assert commit() is None


@pytest.mark.parametrize(
    "error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 5)], ids=["none", "slow"]
)
def test_without_git_the_commit_is_unknown(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked: list[Any] = []

    def run(command: list[str], **options: Any) -> None:
        asked.append(options)
        raise error

    monkeypatch.setattr(module.subprocess, "run", run)
    assert commit() is None
    assert all(0 < options["timeout"] <= 10 for options in asked)


def test_a_repository_without_a_commit_has_none(checkout: Path) -> None:
    subprocess.run(["rm", "-rf", str(checkout / ".git")], check=True)
    subprocess.run(["git", "-C", str(checkout), "init", "-q"], check=True)
    assert commit() is None


def cpuinfo(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    def read(path: Path) -> str:
        assert str(path) == "/proc/cpuinfo"
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(sys.modules["torch"].cuda, "is_available", lambda: False)


def test_the_processor_has_the_name_that_linux_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo(monkeypatch, "processor : 0\nmodel name\t: One: fast\nmodel name\t: Two\n")
    assert device() == "One: fast"


@pytest.mark.parametrize("text", [None, "processor : 0\n"])
@pytest.mark.parametrize(("name", "expected"), [("arm", "arm"), ("", "aarch64")])
def test_elsewhere_it_has_the_name_that_python_knows(
    monkeypatch: pytest.MonkeyPatch, text: str | None, name: str, expected: str
) -> None:
    cpuinfo(monkeypatch, text)
    monkeypatch.setattr(module.platform, "processor", lambda: name)
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    assert device() == expected


def test_a_gpu_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo(monkeypatch, "model name : One\n")
    cuda = SimpleNamespace(is_available=lambda: True, get_device_name=lambda: "H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert device() == "H100, One"
    monkeypatch.delitem(sys.modules, "torch")
    assert device() == "One"  # torch is not loaded for this
