"""A dry run says what, how much and where, and writes nothing."""

from __future__ import annotations

import pytest

from lrs_lightning.cli import main

COLLECT = ["collect", "--env", "HalfCheetah-v5", "--episodes", "3", "--out", "store"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["evaluate", "--policy", "shipped", "--suite", "smoke", "--episodes", "4"],
            [
                "HalfCheetah-v5: expert\nconditions: clean, sensor_noise@2, mass@2\n12 episodes, 4 "
                "of each policy and condition from seed 10000; 0 of them are played already\nfolder"
                ": runs/evaluate/expert-HalfCheetah-v5-smoke; nothing was played or written"
            ],
        ),
        (
            ["calibrate", "HalfCheetah-v5", "--shift", "mass", "--episodes", "2"],
            [
                ": mass\n",
                "2 episodes each",
                "runs/calibrate/expert-HalfCheetah-v5/suite.yaml; nothing",
            ],
        ),
        (
            COLLECT,
            ["HalfCheetah-v5: shipped, 3 episodes with noise 0 to 0.4\nstore: store; nothing was"],
        ),
    ],
)
def test_what_how_much_and_where(words, told, capsys, here):
    assert main([*words, "--dry_run"]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in told)
    assert not list(here.iterdir())


def test_a_store_that_would_be_replaced_is_told(here, capsys):
    (here / "store").mkdir()
    (here / "store" / "manifest.json").write_text("a store")
    assert main([*COLLECT, "--dry_run"]) == 0
    assert "it takes the place of the store that is there" in capsys.readouterr().out
    assert [path.read_text() for path in (here / "store").iterdir()] == ["a store"]


def test_episodes_that_are_there_are_counted(tmp_path, capsys):
    (tmp_path / "one.yaml").write_text("[clean]")
    words = ["evaluate", "--policy", "tests.commands.test_dry_run:still", "--env", "CartPole-v1"]
    words += ["--suite", "one.yaml", "--out", "out", "--quiet", "--episodes"]
    assert main([*words, "2"]) == 0
    assert "evaluating" not in capsys.readouterr().out
    words.remove("--quiet")
    assert main([*words, "2"]) == 0
    told = capsys.readouterr().out.splitlines()[0]
    assert told == "evaluating still on CartPole-v1: 1 conditions, 2 episodes each"
    before = sorted(path.read_bytes() for path in (tmp_path / "out").glob("*.json*"))
    assert main([*words, "5", "--dry_run"]) == 0
    shown = capsys.readouterr().out
    assert "5 episodes, 5 of each policy and condition from seed 10000; 2 of them" in shown
    assert sorted(path.read_bytes() for path in (tmp_path / "out").glob("*.json*")) == before


def still(observations):
    """Falls at once."""
    return observations[:, 0].astype(int) * 0
