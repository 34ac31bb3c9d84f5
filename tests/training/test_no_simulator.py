"""Data of a robot that nobody has a simulator of: trained on, judged offline, and said so."""

from __future__ import annotations

import json
import re

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.cli import main
from lrs_lightning.data import write_episodes
from lrs_lightning.envs import why_not

SHORT = [
    "--trainer.max_steps=30",
    "--trainer.accelerator=cpu",
    "--data.batches=15",
    "--data.window=8",
    "--data.burn_in=2",
    "--data.batch_size=8",
    "--evaluation.every_n_epochs=1",
    "--model.policy.core.hidden_size=8",
    "--model.policy.core.rank=2",
    "--model.policy.encoder.features=16",
    "--model.lr=0.03",
    "--quiet",
]


def store(folder, env=None, discrete=False):
    def recorded(seed):
        seen = np.random.default_rng(seed).normal(size=(40, 3))
        if discrete:
            return {"observations": seen, "actions": (seen[:, 0] > 0).astype(int) + 2}
        return {"observations": seen, "actions": np.tanh(seen[:, :2])}

    spaces = {"observation_space": gym.spaces.Box(-9, 9, (3,))}
    spaces["action_space"] = (
        gym.spaces.Discrete(3, start=2) if discrete else gym.spaces.Box(-1, 1, (2,))
    )
    write_episodes(folder, map(recorded, range(5)), env, **spaces)
    return folder


def fit(folder, path, *more):
    return main(
        ["fit", f"--data.path={path}", f"--trainer.logger.save_dir={folder}", *SHORT, *more]
    )


@pytest.mark.parametrize("env", ["MyRobot-v0"])
def test_it_is_trained_on_and_judged_on_held_out_episodes(tmp_path, capsys, env, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run without a logger writes where it is
    assert fit(tmp_path / "runs", store(tmp_path / "s", env)) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "no closed loop" in told and (env or "no environment (none)") in told
    run = tmp_path / "runs" / (env or "none") / "version_0"
    metrics = json.loads((run / "offline.json").read_text())
    assert metrics["columns"] == ["mean error", "RMS error", "R2"] and metrics["steps"] == 8 + 4 * 6
    assert list(metrics["actions"]) == ["0", "1"]
    assert all(r2 > 0.3 for _, _, r2 in metrics["actions"].values())  # it learned something
    assert not (run / "results.jsonl").exists()
    page = (run / "report.html").read_text()
    assert "Nothing here was played" in page and "R2" in page
    out = tmp_path / "again.html"
    assert main(["report", str(run), "--out", str(out)]) == 0 and "R2" in out.read_text()
    capsys.readouterr()
    words = [f"--ckpt_path={run}", f"--data.path={tmp_path / 's'}", "--trainer.logger=false"]
    assert main(["test", "--quiet", *words]) == 0
    assert "no closed loop" in capsys.readouterr().out


def test_members_of_a_population_are_judged_like_single_runs(tmp_path, capsys):
    path = store(tmp_path / "s", discrete=True)
    assert fit(tmp_path / "one", path, "--model.policy.core.rank=1") == 0
    assert fit(tmp_path / "all", path, "--population.grid={rank: [1, 2]}") == 0
    told = capsys.readouterr().out
    single, run = (tmp_path / name / "none" / "version_0" for name in ("one", "all"))
    alone = json.loads((single / "offline.json").read_text())
    found = {
        rank: json.loads((run / f"members/rank-{rank}/offline.json").read_text()) for rank in (1, 2)
    }
    assert found[1].pop("loss") == pytest.approx(alone.pop("loss"), rel=1e-4)
    assert {**found[1], "sha256": ""} == {**alone, "sha256": ""} != {**found[2], "sha256": ""}
    assert "rank-1" in told and "rank-2" in told
    assert {"rank-1", "rank-2"} <= set(re.findall("rank-.", (run / "report.html").read_text()))
    assert "rank-2" not in (run / "members/rank-1/report.html").read_text()


def test_discrete_actions_are_counted(tmp_path):
    assert fit(tmp_path / "runs", store(tmp_path / "s", discrete=True)) == 0
    metrics = json.loads((tmp_path / "runs/none/version_0/offline.json").read_text())
    right, share, chosen = metrics["actions"]["all"]
    assert right > 0.6 and share == chosen == 1
    assert set(metrics["actions"]) == {"0", "1", "2", "all"}


def test_an_environment_that_nobody_knows_is_told_beside_the_stores_own(tmp_path, capsys):
    path = store(tmp_path / "s")
    assert fit(tmp_path / "runs", path, "--data.env=MyRobto-v0") == 2
    told = capsys.readouterr().err
    assert "unknown environment 'MyRobto-v0'" in told
    assert "leave --data.env out, and they are trained on" in told
    assert not (tmp_path / "runs").exists()


def test_nothing_of_it_can_be_played():
    assert why_not("CartPole-v1") is None
    assert "unknown environment" in why_not("MyRobot-v0")
    assert "(none)" in why_not("none")
