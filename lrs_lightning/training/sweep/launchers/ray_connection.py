"""The way into a Ray cluster, or a sentence that says why not.

Ray waits two minutes for an address that does not answer and then ends the process, so the address
is tried before: by a socket, and by a process of its own.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.stopping import SIGNALS

AUTO = "auto"
_KNOCK = 5.0  # seconds for a machine to take a connection
_ANSWER = 60.0  # seconds for Ray to answer, the start of a process included
_TRY = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at an address while the block lasts.

    Args:
        address: `HOST:PORT`, or `auto` for the cluster that this machine is part of.

    Raises:
        ArgumentError: Ray is not installed, or this is no address.
        DataError: nothing answers there, or not to this machine.
    """
    try:
        import ray
    except ImportError as error:
        raise ArgumentError("--launcher ray needs Ray: pip install 'lrs-lightning[ray]'") from error
    if address != AUTO:
        _knock(address)
    _try(address)
    with uncut():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        SIGNALS.install()  # Ray has taken SIGTERM
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def uncut() -> Iterator[None]:
    """Hear signals at the end of the block: out of the middle of Ray's own code none can be raised.

    Raises:
        Interrupted: there was one.
    """
    SIGNALS.defer()
    try:
        yield
    finally:
        SIGNALS.release()


def _knock(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536) or "/" in address:
        raise ArgumentError(
            f"--address is {address!r}: expected HOST:PORT, as `ray start --head` tells it, or "
            "auto (a sweep is started on a machine of the cluster)"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except OSError as error:
        raise DataError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): start one with "
            "`ray start --head`, or mend --address"
        ) from error


def _try(address: str) -> None:
    """Connect in a process of its own, which Ray may end as it likes."""
    words = [sys.executable, "-c", _TRY, address]
    try:
        tried = subprocess.run(words, capture_output=True, text=True, timeout=_ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"no Ray cluster answers at {address} within {_ANSWER:.0f} s, though something listens "
            "there: mend --address"
        ) from error
    if tried.returncode:
        lines = [line for line in tried.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip()[:300] if lines else f"exit code {tried.returncode}"
        raise DataError(
            f"this machine cannot join the Ray cluster at {address} ({reason}): a sweep is started "
            "on a machine of the cluster, with the same versions of Ray and Python"
        )
