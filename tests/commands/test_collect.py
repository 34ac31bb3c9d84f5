"""`collect --expert` knows the same words as `evaluate --policy`."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from lrs_lightning.cli import main
from lrs_lightning.data import DemonstrationStore, Ending
from tests.experts.statistics import saved
from tests.experts.zips import TD3, mlp, named, save_zip


@pytest.fixture
def teacher(monkeypatch):
    module = ModuleType("teacher_of_ours")

    def push(observations):
        return np.clip(-observations[:, 2:], -2, 2).astype(np.float32)

    module.push = push  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "teacher_of_ours", module)


def test_a_function_demonstrates(teacher, tmp_path, capsys):
    words = [
        "--env",
        "Pendulum-v1",
        "--episodes",
        "1",
        "--noise",
        "0",
        "--out",
        str(tmp_path / "s"),
    ]
    assert main(["collect", "--expert", "teacher_of_ours:push", *words, "--quiet"]) == 0
    store = DemonstrationStore(tmp_path / "s")
    episode = store[0]
    wanted = np.clip(-episode.observations[:, 2:], -2, 2)
    np.testing.assert_allclose(episode.labels, wanted, atol=1e-6)
    assert store.manifest["expert"] == "teacher_of_ours:push"
    assert store.endings == [Ending(terminated=False, truncated=True)]


def test_what_nobody_can_load_is_told(tmp_path, capsys):
    words = ["--env", "Pendulum-v1", "--out", str(tmp_path / "s")]
    assert main(["collect", "--expert", "no_such_module:push", *words]) == 2
    assert "no_such_module" in capsys.readouterr().err and not (tmp_path / "s").exists()


@pytest.fixture
def zipped(tmp_path):
    """An archive of Stable-Baselines3 whose statistics lie elsewhere than beside it."""
    (tmp_path / "elsewhere").mkdir()
    given = saved(tmp_path / "elsewhere" / "a.pkl", [0.1, 0.2, 0.3], [4, 9, 16])
    return save_zip(tmp_path / "a.zip", named("actor.mu", mlp(3, 4, 1)), TD3), given


def test_statistics_are_named_wherever_an_archive_is_taken(zipped, tmp_path, capsys):
    path, given = map(str, zipped)
    task = ["--env", "Pendulum-v1", "--env-kwargs", "{max_episode_steps: 4}", "--quiet"]
    few = [*task, "--episodes=1", "--expert", path]
    labels = {}
    for name, words in {"given": ["--statistics", given], "none": []}.items():
        out = str(tmp_path / name)
        assert main(["collect", *few, "--noise=0", "--out", out, *words]) == 0
        store = DemonstrationStore(out)
        assert store.manifest["expert_card"].get("statistics") == ("a.pkl" if words else None)
        labels[name] = store[0].labels
    assert not np.allclose(labels["given"], labels["none"])
    assert main(["expert", "score", *few, "--statistics", given]) == 0
    judged = ["evaluate", *task, "--suite=smoke", "--episodes=1", "--statistics", given]
    assert main([*judged, "--policy", path, "--out", str(tmp_path / "e")]) == 0
    capsys.readouterr()
    assert main([*judged, "--policy", path, path, "--out", str(tmp_path / "f")]) == 2
    assert "belongs to one .zip of Stable-Baselines3, and 2 are given" in capsys.readouterr().err


def test_statistics_of_what_is_no_archive_are_refused(tmp_path, capsys):
    words = ["--env", "Pendulum-v1", "--out", str(tmp_path / "s"), "--statistics", "a.pkl"]
    assert main(["collect", "--expert", "no_such_module:push", *words]) == 2
    assert "--statistics belongs to one .zip" in capsys.readouterr().err
