"""Whatever step of a save a process is killed at, the run can be loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_at_save.py")


def other_file_system(path: Path) -> str | None:
    """A folder for temporary files that a rename cannot cross to."""
    shm = Path("/dev/shm")
    there = shm.is_dir() and os.access(shm, os.W_OK)
    return str(shm) if there and shm.stat().st_dev != path.stat().st_dev else None


def kill(folder: Path, temporary: str, kills: int) -> dict:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(kills)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": temporary},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "kills", [pytest.param(20, id="20"), pytest.param(200, id="200", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "TMPDIR-elsewhere"])
def test_a_run_can_be_loaded_after_every_kill(tmp_path, kills, elsewhere):
    base = other_file_system(tmp_path) if elsewhere else str(tmp_path)
    if base is None:
        pytest.skip("there is no other file system to write to")
    with tempfile.TemporaryDirectory(dir=base) as temporary:
        result = kill(tmp_path / "checkpoints", temporary, kills)
    assert result["points"] >= 16, "a save has become another one: kill at its steps"
    assert result["found"]["loaded"] == kills and "lost" not in result["found"], result
    assert result["found"]["new"] and result["found"]["old"]
    assert result["temporary"] == []
