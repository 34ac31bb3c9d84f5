"""Where a number comes from: versions, commit, device, threads, seeds, date."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import lrs_lightning
from lrs_lightning.envs import available_cores
from lrs_lightning.versions import versions


def provenance(seeds: Iterable[int] = (), **more: Any) -> dict[str, Any]:
    """What a result must say of its making, ready for JSON.

    Args:
        seeds: of the episodes.
        more: further keys, e.g. `suite="paper"`.

    Returns:
        `run` (a short name of all the rest), `date` (UTC), `commit` (with `+` where files were
        changed, null outside a checkout), `device`, `threads`, `versions`, `seeds`, and `more`.
    """
    about: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "device": device(),
        "threads": available_cores(),
        "versions": versions(),
        "seeds": list(seeds),
        **more,
    }
    salt = json.dumps(about, sort_keys=True, default=str) + f"{os.getpid()} {os.urandom(4).hex()}"
    return {"run": hashlib.sha256(salt.encode()).hexdigest()[:12], **about}


def row_columns(about: dict[str, Any]) -> dict[str, Any]:
    """The part of a provenance that each line of `results.jsonl` repeats, flat."""
    flat = {key: about.get(key) for key in ("run", "date", "commit", "device", "threads")}
    return flat | {"versions": ", ".join(f"{k} {v}" for k, v in about["versions"].items())}


@cache
def commit() -> str | None:
    """The commit of the checkout that this package runs from; None where it is installed."""
    root = Path(lrs_lightning.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    head, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    return None if head is None else head[:12] + ("+" if changes else "")


def device() -> str:
    """The processor, and the GPU where torch is loaded and sees one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, {_processor()}"
    return _processor()


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}"


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
