"""Where a number comes from, and the files that carry it."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from lrs_lightning.files import write_whole

RESULTS = Path(__file__).parent / "results"


def provenance() -> dict[str, str]:
    """Device, versions, commit and date of a measurement made now."""
    return {
        "device": device_name(),
        "threads_available": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "triton": _version("triton"),
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def device_name() -> str:
    """The GPU if there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows with the provenance beside each of them; the file appears whole or not at all."""
    marked = [{**row, **provenance()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(marked[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(marked)
    write_whole(path, text.getvalue())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
