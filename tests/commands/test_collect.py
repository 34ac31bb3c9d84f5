"""`collect --expert` knows the same words as `evaluate --policy`."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from lrs_lightning.cli import main
from lrs_lightning.data import DemonstrationStore, Ending


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
