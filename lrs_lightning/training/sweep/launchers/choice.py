"""Launchers by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lrs_lightning.errors import ArgumentError
from lrs_lightning.training.sweep.launchers.launcher import Fit, Launcher
from lrs_lightning.training.sweep.launchers.local import LocalLauncher
from lrs_lightning.training.sweep.launchers.needs import Needs


@contextmanager
def launcher_of(name: str, fit: Fit, address: str | None, needs: Needs) -> Iterator[Launcher]:
    """A launcher for the length of the block; what it still trains at the end is ended and saved.

    Args:
        name: `local` or `ray`.
        fit: trains a job.
        address: of the cluster; None for `local`.
        needs: of a job.

    Raises:
        ArgumentError: the options do not go together, or what the launcher needs is not installed.
        DataError: the cluster does not answer, or cannot train these jobs.
    """
    if name == "local":
        if address is not None or needs != Needs():
            raise ArgumentError("--address, --cpus and --gpus say what --launcher ray uses: add it")
        yield LocalLauncher(fit)
        return
    if address is None:
        raise ArgumentError(
            "--launcher ray needs --address, the HOST:PORT that `ray start --head` has told, or "
            "auto for the cluster that this machine is part of"
        )
    needs.check()
    from lrs_lightning.training.sweep.launchers.ray_cluster import cluster_at

    with cluster_at(address, fit, needs) as launcher:
        yield launcher
