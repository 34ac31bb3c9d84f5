"""A policy in an ONNX file: one step `(observation, state...) -> (action, state...)`.

The first input is the observation `(N, ...)`, the first output the action `(N, A)` (or logits, for
a discrete space); whatever follows is state, inputs and outputs in the same order, zero at first.
A boolean input takes the flags of episodes that begin; without one their state is zeroed here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError, DataError

Array = NDArray[Any]
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class OnnxPolicy:
    """Steps an ONNX model with onnxruntime, on one thread.

    Args:
        path: the `.onnx` file.
        action_space: of the task; discrete actions are the likeliest logit.

    Raises:
        ArgumentError: onnxruntime is not installed, or there is no such file.
        DataError: the file is damaged, or its inputs and outputs are not those of a step.
    """

    def __init__(self, path: str | Path, action_space: gym.Space[Any]) -> None:
        self._session = _open(Path(path))
        self._discrete = isinstance(action_space, gym.spaces.Discrete)
        self.fingerprint = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
        inputs = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._observation = inputs[0]
        self._starts = next((i.name for i in inputs[1:] if i.type == "tensor(bool)"), None)
        self._state = [i for i in inputs[1:] if i.name != self._starts]
        unknown = [i.type for i in inputs if i.type not in _TYPES]
        if unknown or len(self._outputs) != 1 + len(self._state):
            raise DataError(
                f"{path} has inputs {[i.name for i in inputs]} and outputs {self._outputs}: a step "
                "takes an observation and states, and gives an action and as many states"
            )

    def initial_state(self, num_envs: int) -> list[Array]:
        """Zeros; the batch is the axis whose size the file leaves open."""
        return [np.zeros(_sized(i.shape, num_envs), _TYPES[i.type]) for i in self._state]

    def step(
        self, observations: Array, state: list[Array], starts: NDArray[np.bool_]
    ) -> tuple[Array, list[Array]]:
        """Run the model once for all N episodes."""
        kind = _TYPES[self._observation.type]
        feeds: dict[str, Array] = {self._observation.name: np.ascontiguousarray(observations, kind)}
        if self._starts is not None:
            feeds[self._starts] = starts
        elif starts.any():
            state = [
                _forget(s, _batch_axis(i.shape), starts)
                for s, i in zip(state, self._state, strict=True)
            ]
        feeds |= {i.name: s for i, s in zip(self._state, state, strict=True)}
        actions, *state = self._session.run(self._outputs, feeds)
        if self._discrete and actions.ndim > 1:
            actions = actions.argmax(-1)
        return actions, state

    def state_arrays(self, state: list[Array]) -> dict[str, Array]:
        """The model's own state inputs by name, a row for each environment, `(N, ...)`."""
        return {
            i.name: np.moveaxis(s, _batch_axis(i.shape), 0)
            for i, s in zip(self._state, state, strict=True)
        }


def _open(path: Path) -> Any:
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
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each reason
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not an ONNX model that can be run: {reason}") from error


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
