"""`evaluate` and `report` read a run's weights and results, and never its configuration.

A `config.yaml` names classes, and whoever gives it to `fit --config` has them imported: it is code.
"""

from __future__ import annotations

import pytest

from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.cli import main
from tests.reliability.test_checkpoint_files import checkpoint
from tests.reliability.watching import watched


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder whose configuration would have a module imported."""
    folder = tmp_path / "run"
    write_checkpoint(checkpoint(), folder / "checkpoints" / "last.ckpt")
    (folder / "config.yaml").write_text("model:\n  class_path: a_hostile_module.Model\n")
    (tmp_path / "a_hostile_module.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_configuration_is_never_read_by_who_evaluates_or_reports(run, tmp_path, capsys):
    suite = tmp_path / "clean.yaml"
    suite.write_text("[clean]")
    words = ["--policy", str(run), "--suite", str(suite), "--episodes", "1", "--threads", "1"]
    with watched(tmp_path / "nowhere") as seen:  # every file that is opened is noted
        assert main(["evaluate", *words, "--quiet", "--out", str(run)]) == 0
        assert main(["report", str(run)]) == 0
    assert any("last.ckpt" in event for event in seen), "the watch sees what is read"
    assert not [event for event in seen if "config.yaml" in event or "a_hostile_module" in event]
    assert not (tmp_path / "ran").exists()
