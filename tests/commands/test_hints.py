"""Every wrong word of a command line is answered with the right one, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs_lightning.cli import main

EVALUATE = ["evaluate", "--policy", "shipped", "--dry_run"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/a/version_0").mkdir(parents=True)
    Path("file").touch()
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--hlep"], "unknown option --hlep: did you mean '--help'?"),
        (["--vrsion"], "did you mean '--version'?"),
        (["expert", "--hlep"], "unknown option --hlep: did you mean '--help'?"),
        (["evaluate", "--policy", "shiped"], "(did you mean 'shipped'?)"),
        (["evaluate", "--policy", "runs/a/version_9"], "(did you mean 'runs/a/version_0'?)"),
        (["evaluate", "shipped"], "did you mean --policy shipped?"),
        ([*EVALUATE, "stray"], "'stray' belongs to no option: options are written --NAME VALUE"),
        ([*EVALUATE, "--suite", "paperr"], "did you mean 'paper'?"),
        ([*EVALUATE, "--env", "HalfCheeta-v5"], "unknown environment 'HalfCheeta-v5': did you"),
        ([*EVALUATE, "--env", "Ant-v5"], "name one of your own, or train one with `expert fit`"),
        ([*EVALUATE, "--wrappers", "TimeAwareObservaton"], "did you mean 'TimeAwareObservation'?"),
        ([*EVALUATE, "--env_kwargs", "{reset_noise_scal: 5}"], "did you mean 'reset_noise_scale'?"),
        ([*EVALUATE, "--env_kwargs", "word"], "expected a mapping such as '{key: value}'"),
        ([*EVALUATE, "--group", "mine=shiped"], "group 'mine' names 'shiped'"),
        (["calibrate", "--env", "HalfCheetah-v5"], "unknown option --env: give ENV without it"),
        (["calibrate", "HalfCheetah-v5", "--shift", "blur"], "acts on pictures"),
        (["collect", "out"], "did you mean --out out?"),
        (["collect", "--out", "out", "--expert", "shiped"], "(did you mean 'shipped'?)"),
        (["collect", "--out", "out", "--env", "CartPole-v1", "--noise", "5"], "expert"),
        (["collect", "--out", "file"], "cannot write file (Not a directory)"),
        (["collect", "--out", "file/out"], "cannot write file/out (Not a directory)"),
        (["collect", "--out", "runs"], "is no demonstration store: choose another folder"),
        (["expert", "fit", "--env", "Walker2d-v5", "--minutes", "3"], "are of Atari's experts"),
        (["expert", "fit", "--env", "Walker2d-v5", "--minutes", "x"], "--minutes is 'x', expected"),
        (["sweep", "--out", "s", "--config", "sweep/plan"], "did you mean 'sweep/plane'?"),
        (["analyze", "theoy"], "did you mean `analyze theory`?"),
        (["report", "run"], "(did you mean 'runs'?)"),
        (["export", "runs/a/version_1"], "(did you mean 'runs/a/version_0'?)"),
        (["report", "runs", "--config", "fil.yaml"], "there is no file"),
    ],
)
def test_the_right_word_is_offered(here, words, sentence, capsys):
    before = sorted(here.rglob("*"))
    assert main(words) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("error: ") and told.count("\n") == 1
    assert sorted(here.rglob("*")) == before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["score", "--env", "Seaquest", "--env_kwargs", "{stiky: 0}"], "did you mean 'sticky'?"),
        (["score", "--env", "Seaqest"], "did you mean 'ALE/Seaquest-v5'?"),
        (["fit", "--env", "Seaquest", "--device", "gpu"], "device 'gpu' cannot be used: give cpu"),
    ],
)
def test_of_games_too(words, sentence, capsys, here):
    pytest.importorskip("ale_py")
    assert main(["expert", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (here / "runs" / "expert").exists()


def test_noise_of_discrete_actions_is_a_share(here, capsys):
    pytest.importorskip("ale_py")
    words = ["collect", "--out", "out", "--env", "Breakout", "--dry_run"]
    assert main([*words, "--noise", "0:1.5"]) == 2
    assert "1.5 is no share of random actions" in capsys.readouterr().err
    assert main([*words, "--noise", "0:1"]) == 0
    assert not (here / "out").exists()
