"""A process for each run of tests, with everything heavy imported already, and with an end."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from tools.faults.tree import ENVIRONMENT, Tree

# What takes long to import; nothing of this project, and not triton, which reads its settings then.
HEAVY = (
    "torch", "pytest", "hypothesis", "gymnasium", "matplotlib.pyplot", "mujoco", "h5py", "rich",
    "safetensors", "torchmetrics", "PIL.Image", "imageio", "yaml",
)  # fmt: skip


class Ended(Exception):
    """A process that brought no result: `by` is "time" or "crash"."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


def prepare(modules: Iterable[str] = HEAVY) -> None:
    """Say which modules, of those that are there, the processes begin with; before the first."""
    os.environ |= ENVIRONMENT
    there = [name for name in modules if importlib.util.find_spec(name.split(".")[0])]
    multiprocessing.get_context("forkserver").set_forkserver_preload([*there, "tools.faults.judge"])


def run_in(tree: Tree, work: Callable[..., Any], *arguments: Any, limit: float | None) -> Any:
    """`work(tree, *arguments)` in a process of its own in `tree`, and what it returns.

    Raises:
        Ended: it took more than `limit` seconds, or died.
        RuntimeError: `work` itself raised, which is a mistake here and tells nothing of the tests.
    """
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, tree, work, arguments))
    process.start()
    there.close()
    try:
        _expect(here, None)  # that it has begun: what goes wrong before is no judgement
        if not here.poll(limit):
            raise Ended("time")
        return _expect(here, Ended("crash"))
    finally:
        _end(process.pid)
        process.join()
        process.close()
        here.close()


def _expect(pipe: Connection, otherwise: Ended | None) -> Any:
    try:
        result, mistake = pipe.recv()
    except EOFError:
        raise otherwise or RuntimeError("the process for the tests could not begin") from None
    if mistake:
        raise RuntimeError(mistake)
    return result


def _work(
    pipe: Connection, tree: Tree, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    try:
        tree.enter()
        gc.freeze()  # what is imported already stays: collecting garbage need not look at it
        threading.Thread(target=_end_with_parent, daemon=True).start()
        pipe.send((None, ""))
        pipe.send((work(tree, *arguments), ""))
    except Exception:
        pipe.send((None, traceback.format_exc()))
    pipe.close()
    os._exit(0)  # threads that tests have left do not keep it


def _end_with_parent() -> None:
    """When the command is killed, its processes must not go on for minutes."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def _end(group: int | None) -> None:
    """End a process and all that it has started."""
    if group is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
