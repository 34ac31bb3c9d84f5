"""A policy in an ONNX file: one step `(observation, state...) -> (action, state...)`.

The first input is the observation `(N, ...)`, the first output the action `(N, A)` (or logits, for
a discrete space); whatever follows is state, inputs and outputs in the same order, zero at first.
A boolean input takes the flags of episodes that begin; without one their state is zeroed here. A
file of any other order is read with its `Ports`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError

Array = NDArray[Any]
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_LARGEST = 1 << 28
"""Numbers in a part of the state, for each row."""
_NO_ACTION = -(1 << 31)  # in no space of discrete actions


@dataclass(frozen=True)
class Ports:
    """Which input and output of a model is what.

    Args:
        observation: the input that is seen.
        states: inputs that are remembered.
        action: the output that is done.
        next_states: the outputs that the next step gets as `states`.
        starts: the input that takes the flags of episodes that begin; None for none.
        elapsed: the input that takes the time since the last step, which is one; None for none.
    """

    observation: str
    states: tuple[str, ...]
    action: str
    next_states: tuple[str, ...]
    starts: str | None = None
    elapsed: str | None = None


class OnnxPolicy:
    """Steps an ONNX model with onnxruntime, on one thread.

    Args:
        path: the `.onnx` file.
        action_space: of the task; discrete actions are the likeliest logit.
        ports: which input and output is what; by default their order says it.
        session: the file, where it is open already.
        timespan: how long a step lasts, for a file that is told.
        observation_space: of the task; where given, the file is run once, so that what does not
            fit is told before anything is played.

    Raises:
        ArgumentError: onnxruntime is not installed, or there is no such file.
        DataError: the file is damaged, or its inputs and outputs are not those of a step.
        EnvironmentMismatchError: it takes other observations than the task shows, or gives other
            actions than it wants.
    """

    rows_apart = False  # nothing is known of how onnxruntime sums
    block: int | None = None
    """Rows of a call, where the file takes no other number."""

    def __init__(
        self,
        path: str | Path,
        action_space: gym.Space[Any],
        ports: Ports | None = None,
        session: Any = None,
        timespan: float = 1.0,
        observation_space: gym.Space[Any] | None = None,
    ) -> None:
        self._session = open_session(path) if session is None else session
        self._space, self._timespan = action_space, timespan
        self.fingerprint = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
        inputs = {port.name: port for port in self._session.get_inputs()}
        outputs = [output.name for output in self._session.get_outputs()]
        self._ports = ports = _guessed(inputs, outputs) if ports is None else ports
        read = {ports.observation, *ports.states, ports.starts, ports.elapsed} - {None}
        unknown = [port.type for port in inputs.values() if port.type not in _TYPES]
        written = {ports.action, *ports.next_states}
        if (
            unknown
            or read != inputs.keys()
            or not written <= set(outputs)
            or len(ports.states) != len(ports.next_states)
        ):
            raise DataError(
                f"{path} has inputs {list(inputs)} and outputs {outputs}: a step "
                "takes an observation and states, and gives an action and as many states"
            )
        rows = [*inputs[ports.observation].shape, None][0]
        self.block = rows if isinstance(rows, int) else None
        self._observed = _TYPES[inputs[ports.observation].type]
        self._state = [inputs[name] for name in ports.states]
        for part in self._state:
            if np.prod(_sized(part.shape, 1), dtype=float) > _LARGEST:
                raise DataError(
                    f"{path} has a state {part.name!r} of shape {part.shape}: too large"
                )
        if observation_space is not None:
            self._prove(str(path), observation_space)

    def initial_state(self, num_envs: int) -> list[Array]:
        """Zeros; the batch is the axis whose size the file leaves open."""
        return [np.zeros(_sized(i.shape, num_envs), _TYPES[i.type]) for i in self._state]

    def step(
        self, observations: Array, state: list[Array], starts: NDArray[np.bool_]
    ) -> tuple[Array, list[Array]]:
        """Run the model once for all N episodes."""
        actions, state = self._run(observations, state, starts)
        if isinstance(self._space, gym.spaces.Discrete) and actions.ndim > 1:
            actions = self._chosen(actions)
        return actions, state

    def _run(
        self, observations: Array, state: list[Array], starts: NDArray[np.bool_]
    ) -> tuple[Array, list[Array]]:
        """What the model gives, as it gives it."""
        ports = self._ports
        feeds: dict[str, Array] = {
            ports.observation: np.ascontiguousarray(observations, self._observed)
        }
        if ports.elapsed is not None:
            feeds[ports.elapsed] = np.full(len(starts), self._timespan, np.float32)
        if ports.starts is not None:
            feeds[ports.starts] = starts
        elif starts.any():
            state = [
                _forget(s, _batch_axis(i.shape), starts)
                for s, i in zip(state, self._state, strict=True)
            ]
        feeds |= {i.name: s for i, s in zip(self._state, state, strict=True)}
        actions, *state = self._session.run([ports.action, *ports.next_states], feeds)
        return actions, state

    def _chosen(self, actions: Array) -> Array:
        """Discrete actions `(N,)`: the likeliest of logits `(N, A)`, or a column `(N, 1)`."""
        if actions.shape[1:] == (1,) and actions.dtype.kind in "iu":
            return actions[:, 0]
        # The largest of numbers that are none is no decision: it must fail, not play.
        finite = np.isfinite(actions).all(-1)
        return np.where(finite, actions.argmax(-1) + self._space.start, _NO_ACTION)  # type: ignore[attr-defined]

    def _prove(self, path: str, observed: gym.Space[Any]) -> None:
        """Run a step on zeros: what the file takes and gives is what the task shows and wants."""
        rows = self.block or 2
        seen = np.zeros((rows, *(observed.shape or ())), observed.dtype)
        if seen.dtype.kind == "f" and np.dtype(self._observed).kind != "f":
            raise EnvironmentMismatchError(
                f"{path} takes whole numbers ({np.dtype(self._observed)}) and the task shows "
                f"{seen.dtype}, whose fractions would be lost: give a policy of this task"
            )
        state = self.initial_state(rows)
        try:
            actions, after = self._run(seen, state, np.ones(rows, bool))
        except Exception as error:  # onnxruntime has a class of its own for each reason
            reason = " ".join(str(error).split())[:300]
            raise EnvironmentMismatchError(
                f"{path} does not take the observations of the task, {observed.shape} of "
                f"{seen.dtype} ({reason})"
            ) from None
        shapes = [[part.shape for part in parts] for parts in (state, after)]
        if shapes[0] != shapes[1]:
            raise DataError(f"{path} takes states {shapes[0]} and gives {shapes[1]}: they differ")
        if not self._wanted(actions, rows):
            raise EnvironmentMismatchError(
                f"{path} gives actions {actions.shape[1:]} of {actions.dtype}, and the task wants "
                f"{self._space}: give a policy of this task"
            )

    def _wanted(self, actions: Array, rows: int) -> bool:
        """Whether these are actions of the task: floats of a box; choices, or their logits."""
        if not isinstance(self._space, gym.spaces.Discrete):
            return actions.dtype.kind == "f" and actions.shape == (rows, *(self._space.shape or ()))
        if actions.dtype.kind in "iu" and actions.shape in ((rows,), (rows, 1)):
            return True
        return actions.shape == (rows, self._space.n)

    def state_arrays(self, state: list[Array]) -> dict[str, Array]:
        """The model's own state inputs by name, a row for each environment, `(N, ...)`."""
        return {
            i.name: np.moveaxis(s, _batch_axis(i.shape), 0)
            for i, s in zip(self._state, state, strict=True)
        }


def open_session(path: str | Path) -> Any:
    """The file in onnxruntime, on one thread that does not wait in a busy loop.

    Raises:
        ArgumentError: onnxruntime is not installed, or there is no such file.
        DataError: the file is damaged, or no model that can be run.
    """
    path = Path(path)
    try:
        import onnxruntime
    except ImportError:
        raise ArgumentError(
            f"{path} needs onnxruntime: pip install 'lrs-lightning[onnx]'"
        ) from None
    if not path.is_file():
        raise ArgumentError(f"no policy at {path}: give the path of an ONNX file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised, and said once
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each reason
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{path} is not an ONNX model that can be run: {reason}") from error


def _guessed(inputs: dict[str, Any], outputs: list[str]) -> Ports:
    """The ports of a model that says nothing of itself, by their order and types."""
    first, *rest = inputs or [""]
    starts = next((name for name in rest if inputs[name].type == "tensor(bool)"), None)
    states = tuple(name for name in rest if name != starts)
    action, *following = outputs or [""]
    return Ports(first, states, action, tuple(following), starts)


def _batch_axis(shape: list[Any]) -> int:
    """The first axis without a fixed size; states of recurrent layers have the batch in second."""
    open_axes = [axis for axis, size in enumerate(shape) if not isinstance(size, int)]
    return open_axes[0] if open_axes else 0


def _sized(shape: list[Any], num_envs: int) -> list[int]:
    axis = _batch_axis(shape)
    sizes = [size if isinstance(size, int) else 1 for size in shape]
    return [*sizes[:axis], num_envs, *sizes[axis + 1 :]]


def _forget(state: Array, axis: int, starts: NDArray[np.bool_]) -> Array:
    flags = starts.reshape(*(-1 if a == axis else 1 for a in range(state.ndim)))
    return np.where(flags, np.zeros((), state.dtype), state)
