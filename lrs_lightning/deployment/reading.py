"""Exported policies as players of the closed loop: an ONNX file or NumPy's weights, by its path.

A file may be somebody else's: what it says of itself is checked before it is used, and nothing that
it brings along is run but the operations of its network.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.timespans import timespan_of
from lrs_lightning.deployment.interface import KEY, Interface
from lrs_lightning.deployment.numpy_file import open_numpy
from lrs_lightning.deployment.numpy_policy import Policy as NumpyNetwork
from lrs_lightning.deployment.runner import Array
from lrs_lightning.errors import ANY_FAILURE, ArgumentError, DataError, LrsError
from lrs_lightning.experts.onnx_policy import OnnxPolicy, Ports, open_session
from lrs_lightning.rollout import Policy


@dataclass(frozen=True)
class ReadPolicy:
    """A policy and what its file says of it.

    Args:
        policy: what plays.
        interface: task, names, shapes, statistics.
        kind: `"onnx"` or `"numpy"`.
    """

    policy: Policy
    interface: Interface
    kind: str


def read_exported(path: str | Path) -> ReadPolicy | None:
    """Read what `export_policy` wrote as ONNX or for NumPy; None for ONNX files of others.

    Raises:
        ArgumentError: there is no such file, or onnxruntime is not installed.
        DataError: it is damaged, or contradicts what it says of itself.
    """
    path = Path(path)
    return _read_npz(path) if path.suffix == ".npz" else _read_onnx(path)


def _read_onnx(path: Path) -> ReadPolicy | None:
    session = open_session(path)
    told = session.get_modelmeta().custom_metadata_map.get(KEY)
    if told is None:
        return None
    interface = Interface.from_json(told, str(path))
    ports = Ports(
        "observation",
        tuple(interface.states),
        "action",
        tuple(f"{name}_n" for name in interface.states),
        "reset" if interface.reset else None,
        "dt" if interface.dt else None,
    )
    shapes = {port.name: list(port.shape) for port in session.get_inputs()}
    if shapes != interface.inputs:
        raise DataError(f"{path} says of its inputs {interface.inputs}, and they are {shapes}")
    task = interface.task
    policy = OnnxPolicy(
        path, task.action_space, ports, session, _timespan(interface), task.observation_space
    )
    return ReadPolicy(policy, interface, "onnx")


def _read_npz(path: Path) -> ReadPolicy:
    if not path.is_file():
        raise ArgumentError(f"no policy at {path}: give the path of a file that export wrote")
    try:
        policy = _NumpyPolicy(path)
    except DataError:
        raise
    except ANY_FAILURE as error:  # a reader of arrays may say anything of bytes that are none
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise DataError(f"{path} is no policy that `export --format numpy` wrote ({reason})") from (
            error
        )
    return ReadPolicy(policy, policy.interface, "numpy")


def _timespan(interface: Interface) -> float:
    """How long a step lasts where the policy is told; one where its task cannot be played here."""
    try:
        return timespan_of(interface.task) or 1.0
    except LrsError:
        return 1.0


class _NumpyPolicy:
    """Weights for NumPy, for any number of environments."""

    rows_apart = False  # products of a library

    def __init__(self, path: Path) -> None:
        self.fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        with zipfile.ZipFile(path) as archive:  # a small file may be packed gigabytes
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                raise DataError(f"{path} is compressed, which `export` never does")
        with np.load(path, allow_pickle=False) as file:
            self.interface = Interface.from_json(str(file["about"]), str(path))
        task, states = self.interface.task, self.interface.states
        network = NumpyNetwork(path, batch=1)
        sizes = [(part.shape[0], part.shape[2]) for part in network.state]
        if sizes != list(states.values()):
            raise DataError(f"{path} says that its states are {states}, and they are {sizes}")
        kind = np.uint8 if task.observation_dtype == "uint8" else np.float32
        with np.errstate(all="ignore"):
            network(np.zeros((1, *task.observation_shape), kind))  # what does not fit is told now
        self._run, self._timespan = open_numpy(path, self.interface), _timespan(self.interface)

    def initial_state(self, num_envs: int) -> tuple[Array, ...]:
        """Zeros."""
        return tuple(
            np.zeros((layers, num_envs, size), np.float32)
            for layers, size in self.interface.states.values()
        )

    def step(
        self, observations: Array, state: tuple[Array, ...], starts: NDArray[np.bool_]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Actions of all rows."""
        told = {"reset": starts}
        if self.interface.dt:
            told["dt"] = np.full(len(starts), self._timespan, np.float32)
        stepped = self._run(observations, state, **told)
        return stepped.action, stepped.state

    def state_arrays(self, state: tuple[Array, ...]) -> dict[str, Any]:
        """The parts of the state by name, `(N, layers, size)`."""
        return {
            name: np.moveaxis(part, 1, 0)
            for name, part in zip(self.interface.states, state, strict=True)
        }
