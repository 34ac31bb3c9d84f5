"""Every command of the README works as it stands there, in its order, only with less to do."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lrs_kernels.cache import cache_folder
from lrs_lightning.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
# What makes a command short enough for a test, by its verb.
SHORTER = {
    "fit": [
        *["--trainer.max_steps=4", "--data.batches=4", "--data.episodes=3"],
        *["--evaluation.episodes=1", "--evaluation.suite=smoke"],
    ],
    "evaluate": ["--episodes=1"],
    "collect": ["--episodes=3"],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the checkout's conf/, as a newcomer would stand in, and a cache of its own."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "conf").symlink_to(ROOT / "conf")
    # Compiled code is the same everywhere, and how it is made anew is tested elsewhere.
    (folder / "cache").mkdir()
    (folder / "cache" / "lrs_kernels").symlink_to(cache_folder("lrs_kernels"))
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_commands_work_in_their_order(desk, monkeypatch, capsys):
    """In one process, since each new one would import torch and Lightning again."""
    monkeypatch.chdir(desk)
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk / "cache"))
    ours = [words[1:] for words in commands() if words[0] == ".venv/bin/python"]
    assert len(ours) >= 6
    # What `make fit` leaves behind is what the commands after it speak of.
    for words in [["-m", "lrs_lightning", "fit"], *ours]:
        assert words[:2] == ["-m", "lrs_lightning"]
        code = main([*words[2:], *SHORTER.get(words[2], [])])
        assert code == 0, f"{shlex.join(words)}\n{capsys.readouterr()}"
    summary = json.loads((desk / "runs/HalfCheetah-v5/version_0/summary.json").read_text())
    assert summary["references"]["expert"] > 9000 > 0 > summary["references"]["random"]
    assert "<html" in (desk / "report.html").read_text()[:500]


@pytest.mark.parametrize("words", [w for w in commands() if w[0] == "make"], ids=" ".join)
def test_the_targets_of_make_exist(words):
    assert subprocess.run([*words, "-n"], cwd=ROOT, capture_output=True).returncode == 0


def test_tensorboard_is_the_only_other_command():
    others = {words[0] for words in commands()} - {"make", ".venv/bin/python"}
    assert others == {".venv/bin/tensorboard"}


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_runs(block):
    exec(compile(block, "README.md", "exec"), {})


def test_every_file_it_names_is_there():
    named = re.findall(
        r"`((?:docs|conf|benchmarks|kernels)/[\w./-]*)`|\]\((docs/[\w./-]+)\)", README
    )
    assert named
    for name in (first or second for first, second in named):
        assert (ROOT / name).exists(), name
