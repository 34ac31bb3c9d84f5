"""A process that works for long holds as much as one that has just begun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("soak.py")


def readings(cycles: int, folder: Path, timeout: float) -> list[list[int]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(cycles), str(folder)],
        capture_output=True,
        text=True,
        cwd=SCRIPT.parents[2],
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_handles_and_threads_stay_the_same(tmp_path):
    read = readings(15, tmp_path, timeout=280)
    assert len(read) >= 10 and read[-1][0] == 15
    assert len({(handles, threads) for _, _, handles, threads in read}) == 1, read


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_so_does_memory_within_a_hundredth(tmp_path):
    read = readings(2000, tmp_path, timeout=7000)
    memory = [resident for _, resident, _, _ in read]
    assert max(memory) <= 1.01 * memory[0], read
    assert len({(handles, threads) for _, _, handles, threads in read}) == 1, read
