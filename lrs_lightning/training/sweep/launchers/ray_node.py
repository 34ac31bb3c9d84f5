"""What a node of the cluster does for a sweep: say whether it can, and train a run.

Both functions are called by Ray on another machine, which finds them by their names.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from lrs_lightning.errors import ANY_FAILURE, DataError, LrsError
from lrs_lightning.locking import alone_in
from lrs_lightning.stopping import SIGNALS, Interrupted
from lrs_lightning.training.sweep.launchers.launcher import Fit, sentence
from lrs_lightning.versions import versions

LOGS = "logs"
_COMPARED = ("torch", "lightning", "gymnasium", "mujoco", "ale-py", "numpy")
_PATIENCE = 60.0  # seconds for a process that was thought dead to let go of the run's folder


@dataclass(frozen=True)
class Site:
    """What a node must have in common with the driver.

    Args:
        versions: of what decides a number.
        cwd: the folder that relative paths of a configuration start from.
        out: the folder of the sweep; None before it is made.
        token: what stands in the file of this name in `out`, so that it is the same folder and
            not one of the same name.
    """

    versions: dict[str, str]
    cwd: str
    out: str | None = None
    token: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Report:
    """How a run has ended on a node; see `Ended`. `unfit` says why the node cannot train it."""

    code: int = 0
    seconds: float = 0.0
    reason: str = ""
    unfit: str = ""


def here() -> dict[str, str]:
    """The versions that are compared, without the build (`+cpu`) and those of Python itself."""
    found = versions(_COMPARED)
    del found["python"]  # Ray compares it
    return {name: version.split("+")[0] for name, version in found.items()}


def unfit(site: Site) -> str:
    """Why this machine cannot train for the sweep, in a sentence; empty where it can."""
    node, own = platform.node(), here()
    for name in site.versions.keys() | own.keys():
        wanted, found = site.versions.get(name, "none"), own.get(name, "none")
        if wanted != found:
            return (
                f"node {node} has {name} {found} and this machine has {wanted}: install the same "
                "versions on both, or the numbers of a sweep would depend on where a run was"
            )
    if not Path(site.cwd).is_dir():
        return f"node {node} has no folder {site.cwd}: start the sweep where all nodes share it"
    if site.out is None:
        return ""
    name, token = site.token
    file = Path(site.out) / name
    if not file.is_file() or file.read_text(encoding="utf-8") != token:
        return f"node {node} cannot see {site.out}: give an --out that all nodes share"
    if not os.access(site.out, os.W_OK):
        return f"node {node} may not write into {site.out}: mend its rights"
    return ""


def train(fit: Fit, name: str, words: list[str], folder: str, node: str, site: Site) -> Report:
    """Train a run; whatever it prints is added to its log.

    Args:
        fit: trains it.
        name: of the run.
        words: of `fit`.
        folder: of the run.
        node: how the cluster calls this machine.
        site: what this machine must have in common with the driver.
    """
    if why := unfit(site):
        return Report(unfit=why)
    os.chdir(site.cwd)
    if site.cwd not in sys.path:  # as `python -m` has it
        sys.path.insert(0, site.cwd)
    log = log_of(Path(str(site.out)), name)
    with _printing_into(log, node):
        _wait_for_a_predecessor(Path(folder))
        began = time.monotonic()
        code, reason = _ended(fit, words, log)
    return Report(code, time.monotonic() - began, reason)


def log_of(out: Path, name: str) -> Path:
    """The file of what a run has printed, over all its tries."""
    return out / LOGS / f"{name}.txt"


def last_node(log: Path) -> str | None:
    """The node of a run's last try; None where there was none."""
    if not log.is_file():
        return None
    heads = [line for line in log.read_text("utf-8", "replace").splitlines() if line[:2] == "@ "]
    return heads[-1].split()[1] if heads else None


def _ended(fit: Fit, words: list[str], log: Path) -> tuple[int, str]:
    """Exit code and reason, as the command line would have them."""
    # Ray cancels by SIGINT, which is off in all that a cluster started by `nohup` or `&` starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with SIGNALS.listening():
            return fit(words), ""
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.code, str(stop)
    except LrsError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2, sentence(error)
    except ANY_FAILURE as error:
        traceback.print_exc()
        reason = " ".join(str(error).split())[:300]
        return 1, f"{type(error).__name__}: {reason}; {log} has the rest"


@contextmanager
def _printing_into(log: Path, node: str) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1, encoding="utf-8") as file:
        began = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"@ {node} {platform.node()}, process {os.getpid()}, {began}\n")
        with redirect_stdout(file), redirect_stderr(file):
            yield


def _wait_for_a_predecessor(folder: Path) -> None:
    """A machine that was thought lost may still train this run, until it hears of it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with alone_in(folder):
                return
        except DataError:
            if time.monotonic() > until:
                return  # `fit` says who is in the way
            time.sleep(1)
