"""A measurement in a process of its own, so that its seconds and its memory are its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from lrs_lightning.errors import DataError

Row = dict[str, object]
_STATUS = Path("/proc/self/status")


def in_a_process(what: str, code: str, *words: str) -> Row:
    """Run Python code in a new process whose last line is a JSON object.

    Args:
        what: begins the sentence of a failure.
        code: the program, whose last line of output is what it tells.
        words: its `sys.argv[1:]`.

    Returns:
        What it told, and the `seconds` from its start to its end.

    Raises:
        DataError: it failed; the sentence has its last line.
    """
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise DataError(f"{what} failed: {(done.stderr.splitlines() or ['?'])[-1]}")
    told: Row = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": round(seconds, 3), **told}


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    if _STATUS.exists():  # counted from the start of the program, not of the process
        told = dict(row.split(":", 1) for row in _STATUS.read_text().splitlines() if ":" in row)
        return round(int(told["VmHWM"].split()[0]) * 1024 / 1e6, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
