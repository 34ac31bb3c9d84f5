"""The ends of the versions that are allowed: all that is declared is there, at its end."""

import re
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement

from tools import floors
from tools.lock import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_newest_is_what_is_declared():
    said = {Requirement(line).name for line in floors.newest().splitlines()}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["test"]]
    assert {Requirement(word).name for word in wanted} <= said
    assert {"ale-py", "onnxscript", "onnxruntime", "pyarrow", "editables"} <= said
    assert floors.newest().count("==") == floors.newest().count("sys_platform ==") + 1  # ncps


def test_every_dependency_has_a_floor():
    """Without one, the oldest that there ever was would be allowed."""
    lists = [PROJECT["project"]["dependencies"]]
    lists += PROJECT["project"]["optional-dependencies"].values()
    lists += [PROJECT["dependency-groups"][name] for name in floors.GROUPS]
    for word in (word for words in lists for word in words):
        assert re.search(r">=|==", word), word


def test_lowest_asks_uv_for_the_oldest_of_what_is_named(monkeypatch):
    asked = []

    def run(words, **options):
        asked.extend(words)
        return subprocess.CompletedProcess(words, 0, stdout="torch==2.10.0\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert floors.lowest() == "torch==2.10.0\n"
    assert "lowest-direct" in asked
    assert {"atari", "export", "test", "editable"} <= set(asked)


@pytest.mark.parametrize("end", ["lowest", "newest"])
def test_make_has_an_environment_of_its_own_for_each_end(end):
    make = ["make", "-n", "-B", f"test-{end}"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"tools.floors {end} .venv/{end}/requirements.txt" in said
    assert f".venv/{end}/bin/python -m pytest" in said
