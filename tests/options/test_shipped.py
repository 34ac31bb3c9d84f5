"""Shipped configurations go by name, wherever the command is given."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lrs_lightning.cli import main
from lrs_lightning.errors import UnknownNameError
from lrs_lightning.options.shipped import shipped_configurations, with_paths

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_file_of_conf_has_a_name_and_is_a_mapping():
    files = set((ROOT / "conf").rglob("*.yaml"))
    shipped = shipped_configurations()
    assert set(shipped.values()) == files and "halfcheetah-dense" in shipped
    assert all(isinstance(yaml.safe_load(path.read_text()), dict) for path in files)


@pytest.mark.parametrize(
    "word", ["seaquest", "seaquest.yaml", "conf/seaquest.yaml", "conf/seaquest"]
)
def test_a_name_becomes_a_path(word):
    path = str(ROOT / "conf" / "seaquest.yaml")
    assert with_paths(["--config", word, "--seed=1"]) == ["--config", path, "--seed=1"]
    assert with_paths([f"--config={word}", "seaquest"]) == [f"--config={path}", "seaquest"]


def test_a_file_of_ones_own_goes_first():
    Path("seaquest").write_text("mine: 1")
    assert with_paths(["--config=seaquest"]) == ["--config=seaquest"]


@pytest.mark.parametrize(
    "word", ["", "{a: 1}", "a: 1\nb: 2", "mine.yaml", "runs/x", "-", "x" * 999]
)
def test_other_words_are_the_parsers(word):
    assert with_paths(["--config", word]) == ["--config", word]


def test_a_name_that_is_not_there():
    with pytest.raises(UnknownNameError, match="did you mean 'halfcheetah-dense'"):
        with_paths(["--config=halfcheetah-dens"])
    assert with_paths(["--config"]) == ["--config"]


def test_the_commands_take_it(capsys):
    assert main(["evaluate", "--config=sequest"]) == 2
    said = capsys.readouterr().err
    assert "unknown configuration 'sequest': did you mean 'seaquest'?" in said
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in shipped_configurations())
