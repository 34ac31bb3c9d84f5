"""An environment of one's own from the command line: collected, trained on, judged as it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from lrs_lightning.cli import main
from lrs_lightning.envs import own_code
from lrs_lightning.statistics import read_results

pytestmark = pytest.mark.usefixtures("undrawn")
ROBOTS = Path(__file__).parents[1] / "envs" / "own_robots.py"
TINY = ("--trainer.max_steps=2", "--data.batches=2", "--data.window=6", "--data.burn_in=1")
PLAYED = ("--evaluation.suite=smoke", "--evaluation.episodes=2", "--evaluation.every_n_epochs=0")


@pytest.fixture(scope="module", autouse=True)
def in_their_folder(tmp_path_factory):
    """A folder with a user's module; what it registered is forgotten afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("own")
        (folder / ROBOTS.name).write_text(ROBOTS.read_text())
        patch.chdir(folder)
        yield
    for name in [name for name in gym.registry if name.startswith("own_robots.")]:
        del gym.registry[name]
    own_code.WRAPPERS.clear()
    sys.modules.pop("own_robots", None)


def test_arguments_and_wrappers_go_from_the_command_line_to_evaluate(capsys):
    words = ["--env", "own_robots:Reach", "--env-kwargs", "{limit: 8}"]
    words += ["--wrappers", "own_robots:Halved(factor=0.25)"]
    text = "own_robots.Reach(limit=8)+own_robots.Halved(factor=0.25)"
    expert = ["--expert", "own_robots:towards"]
    assert main(["collect", *words, *expert, "--episodes=3", "--out=demos", "--quiet"]) == 0
    assert json.loads(Path("demos/manifest.json").read_text())["task"]["env"] == text
    assert main(["fit", "--data.path=demos", *TINY, *PLAYED, "--quiet"]) == 0
    run = Path("runs") / text / "version_0"
    assert json.loads((run / "summary.json").read_text())["env"] == text
    assert main(["evaluate", "--policy", str(run), "--suite=smoke", "--episodes=2", "--quiet"]) == 0
    folder = next(Path("runs/evaluate").iterdir())
    again, before = read_results(folder / "results.jsonl"), read_results(run / "results.jsonl")
    pick = lambda rows: {(r["shift"], r["seed"]): r["length"] for r in rows}  # noqa: E731
    assert {row["env"] for row in again} == {text} and pick(again) == pick(before)
    assert set(pick(again).values()) == {8}
    assert all("success" in row for row in again)
    changed = ["--env-kwargs", "{limit: 5}", "--out", "changed", "--quiet"]
    words = ["evaluate", "--policy", str(run), "--suite=smoke", "--episodes=2"]
    assert main([*words, *changed]) == 0
    rows = read_results(Path("changed/results.jsonl"))
    assert {row["length"] for row in rows} == {5}
    assert {row["env"] for row in rows} == {text.replace("limit=8", "limit=5")}
    assert main(["expert", "score", "--env", text, *expert, "--episodes=2", "--quiet"]) == 0
    assert "2 episodes: mean return" in capsys.readouterr().out


def test_coloured_pictures_and_several_choices_are_learned_and_shifted(capsys):
    words = ["--data.env=own_robots:Camera", "--data.env_kwargs.size=36", "--data.episodes=3"]
    words += ["--data.expert=own_robots:always", "--model.policy.encoder=Small"]
    assert main(["fit", *words, *TINY, *PLAYED, "--films.conditions=[occlusion@3]", "--quiet"]) == 0
    run = Path("runs/own_robots.Camera(size=36)/version_0")
    summary = json.loads((run / "summary.json").read_text())
    assert [c["shift"] for c in summary["conditions"]] == ["clean", "gaussian_noise", "occlusion"]
    assert summary["references"]["expert"] == 8  # who was named is played for the scale, too
    assert (run / "films" / "occlusion-3-first.gif").stat().st_size > 0
