"""Train on the machines of a Ray cluster: a run is a task, and Ray finds a node for it.

Results go over the folder that all machines share; by way of Ray come the words of a `fit` and how
it has ended. Each task has a process of its own, which ends with it, so that memory of a GPU is
given back. Whether a task is tried again is for the sweep to say: Ray itself never does.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lrs_lightning.errors import DataError
from lrs_lightning.files import write_whole
from lrs_lightning.training.sweep.launchers import ray_node
from lrs_lightning.training.sweep.launchers.launcher import Ended, Fit, Job
from lrs_lightning.training.sweep.launchers.needs import Needs
from lrs_lightning.training.sweep.launchers.ray_connection import connected, uncut
from lrs_lightning.training.sweep.launchers.ray_node import Report, Site

_TOKEN = ".driver"  # file in the folder of the sweep
_GRACE = 120.0  # seconds for what runs to save and leave
_LOOK = 60.0  # seconds for a node to say whether it can train
_ALONE = 300.0  # seconds for a node to come, where there is none
_SIGNALLED = (130, 143)


@contextmanager
def cluster_at(address: str, fit: Fit, needs: Needs) -> Iterator[RayLauncher]:
    """A launcher on the cluster at an address; what still runs at the end is ended and saved.

    Raises:
        ArgumentError: Ray is not installed, or this is no address.
        DataError: nothing answers there, no node has what a run needs, or a node has other
            versions than this machine.
    """
    with connected(address) as ray:
        launcher = RayLauncher(ray, fit, needs)
        try:
            with uncut():
                launcher.compare()
            yield launcher
        finally:
            launcher.end()


class RayLauncher:
    """Trains jobs on a cluster.

    Args:
        ray: the module, connected.
        fit: trains one; the nodes find it by its name.
        needs: of each.
    """

    def __init__(self, ray: Any, fit: Fit, needs: Needs) -> None:
        self._ray, self._fit, self._needs = ray, fit, needs
        self._site = Site(ray_node.here(), os.getcwd())
        self._jobs: dict[Any, Job] = {}
        self._died: dict[str, str | None] = {}  # name of a run -> where its last try has died

    def compare(self) -> None:
        """See that there are nodes for these jobs, and what they have installed.

        Raises:
            DataError: names what is missing, and where.
        """
        if not self.slots():
            found = [_resources(node) for node in self._ray.nodes() if node["Alive"]]
            raise DataError(
                f"no node of the cluster has {self._needs} for a run (they have "
                f"{'; '.join(found)}): ask for less with --cpus and --gpus, or add a node"
            )
        self._look()

    def claim(self, out: Path) -> None:
        """See that every node reads and writes the folder; a file in it proves that it is one."""
        self._site = replace(
            self._site, out=str(out.resolve()), token=(_TOKEN, secrets.token_hex(16))
        )
        write_whole(out / _TOKEN, self._site.token[1])
        with uncut():
            self._look()

    def slots(self) -> int:
        """As many as the nodes that are there now take."""
        return sum(self._needs.fit_on(node["Resources"]) for node in self._nodes())

    def start(self, job: Job) -> None:
        """Hand a job to Ray; one whose worker has died to another node, if there is one."""
        with uncut():
            task = self._task(_train)
            died_on = self._died.get(job.name)
            others = [node["NodeID"] for node in self._nodes() if node["NodeID"] != died_on]
            if job.name in self._died and others:
                task = task.options(scheduling_strategy=self._on(others[0], soft=True))
            folder = str(job.folder.resolve())
            handed = task.remote(self._fit, job.name, job.words, folder, self._site)
            self._jobs[handed] = job

    def wait(self) -> Ended:
        """Wait for any task.

        Raises:
            DataError: a node that has joined later cannot train for this sweep, or no node is left.
        """
        alone_since = time.monotonic()
        while True:  # in short waits, between which signals are heard
            with uncut():
                done, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=0.5)
            if done:
                return self._ended(done[0], self._jobs.pop(done[0]))
            if self.slots():
                alone_since = time.monotonic()
            elif time.monotonic() - alone_since > _ALONE:
                raise DataError(
                    f"no node of the cluster has {self._needs} any more: the same words go on "
                    "when there is one"
                )

    def end(self) -> None:
        """Have all tasks save and leave, and take those away that do not."""
        waiting = list(self._jobs)
        for task in waiting:
            self._ray.cancel(task)  # a SIGINT for its `fit`
        if waiting:
            _, deaf = self._ray.wait(waiting, num_returns=len(waiting), timeout=_GRACE)
            for task in deaf:
                self._ray.cancel(task, force=True)
        self._jobs.clear()
        self._forget()

    def _ended(self, task: Any, job: Job) -> Ended:
        errors = self._ray.exceptions
        try:
            report: Report = self._ray.get(task)
        except errors.RayTaskError as error:  # before the run was begun: Python found no such code
            return Ended(job, 1, 0.0, f"its node cannot run lrs_lightning ({_first(error.cause)})")
        except errors.RayError as error:  # of the worker, of its machine, or of its memory
            self._died[job.name] = ray_node.last_node(self._log(job))
            return Ended(job, None, 0.0, _first(error))
        if report.unfit:
            raise DataError(report.unfit)
        if report.code in _SIGNALLED:  # by its machine, since we have asked for no end
            self._died[job.name] = ray_node.last_node(self._log(job))
            return Ended(job, None, report.seconds, report.reason)
        return Ended(job, report.code, report.seconds, report.reason)

    def _task(self, function: Any) -> Any:
        """A task of Ray in a process of its own, with the threads of the driver's environment."""
        threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}  # as for a `fit` alone
        variables = {name: os.environ.get(name, usual) for name, usual in threads.items()}
        if not self._needs.gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all GPUs to who has asked for none
        return self._ray.remote(
            num_cpus=self._needs.cpus,
            num_gpus=self._needs.gpus,
            max_calls=1,
            max_retries=0,
            runtime_env={"env_vars": variables},
        )(function)

    def _look(self) -> None:
        """Ask every node that takes these jobs whether it can train them."""
        ask = self._ray.remote(num_cpus=0, max_retries=0)(ray_node.unfit)
        asked = {
            ask.options(scheduling_strategy=self._on(node["NodeID"])).remote(self._site): node
            for node in self._nodes()
        }
        done, silent = self._ray.wait(list(asked), num_returns=len(asked), timeout=_LOOK)
        for task in silent:
            raise DataError(f"node {_name(asked[task])} does not answer within {_LOOK:.0f} s")
        for task in done:
            try:
                why = self._ray.get(task)
            except self._ray.exceptions.RayError as error:
                cause = getattr(error, "cause", error)
                raise DataError(
                    f"node {_name(asked[task])} cannot run lrs_lightning ({_first(cause)}): "
                    "install there what this machine has"
                ) from error
            if why:
                raise DataError(why)

    def _nodes(self) -> list[dict[str, Any]]:
        """Nodes that are alive and take at least one of these jobs."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        return [node for node in alive if self._needs.fit_on(node["Resources"])]

    def _on(self, node: str, soft: bool = False) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node, soft=soft)

    def _log(self, job: Job) -> Path:
        return ray_node.log_of(Path(str(self._site.out)), job.name)

    def _forget(self) -> None:
        if self._site.out is not None:
            with suppress(OSError):
                (Path(self._site.out) / _TOKEN).unlink(missing_ok=True)


def _train(fit: Fit, name: str, words: list[str], folder: str, site: Site) -> Report:
    """Train a run on the node that Ray has chosen."""
    import ray

    return ray_node.train(fit, name, words, folder, ray.get_runtime_context().get_node_id(), site)


def _name(node: dict[str, Any]) -> str:
    return str(node.get("NodeManagerHostname") or node["NodeManagerAddress"])


def _resources(node: dict[str, Any]) -> str:
    has = node["Resources"]
    return f"{_name(node)}: {has.get('CPU', 0):g} CPUs, {has.get('GPU', 0):g} GPUs"


def _first(error: Any) -> str:
    """The first sentence of what went wrong; Ray's texts are pages."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split(". ")[0].rstrip(".")[:300]
