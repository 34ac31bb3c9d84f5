"""A policy in an ONNX file in a closed loop, at the least cost of a step; copy it to the robot.

    act = OnnxLoop("policy.onnx")
    action = act(observation, reset=True)    # an episode begins
    action = act(observation)                # and goes on; the state stays inside

`InferenceSession.run` makes new arrays for all that it takes and gives, which costs as much as a
small network. Here inputs and outputs are bound once. What a step leaves as state is what the next
one reads, so there are two bindings, which take turns. Needs NumPy and onnxruntime alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OnnxLoop:
    """A file that `export --format onnx` wrote, for a fixed number of rows.

    Args:
        path: the file.
        rows: of every observation.

    Raises:
        Exception: of onnxruntime, of a kind for each reason: the file cannot be read.
    """

    def __init__(self, path: str | Path, rows: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        inputs, outputs = (
            {port.name: _empty(port, rows) for port in ports}
            for ports in (session.get_inputs(), session.get_outputs())
        )
        self._arrays = inputs, outputs  # what is bound must live as long
        self._observation, self._action = inputs["observation"], outputs["action"]
        self._options = {name: inputs[name] for name in ("dt", "reset") if name in inputs}
        if "dt" in inputs:
            inputs["dt"][...] = 1
        states = [name for name in inputs if f"{name}_n" in outputs]
        swapped = {name: outputs[f"{name}_n"] for name in states}
        back = {f"{name}_n": inputs[name] for name in states}
        self._run = session.run_with_iobinding
        self._next = _bound(session, inputs, outputs)
        self._other = _bound(session, inputs | swapped, outputs | back)

    def __call__(self, observation: Array, **options: Array | float | bool) -> Array:
        """Act, and remember.

        Args:
            observation: raw, `(rows, ...)`.
            options: `reset`, true where an episode begins, and `dt`, elapsed times, each `(rows,)`
                or one for all; as far as the file has them.

        Returns:
            The action, `(rows, A)`, or `(rows,)` of a discrete task.

        Raises:
            ValueError: another shape.
            KeyError: an option that the file does not have.
        """
        if observation.shape != self._observation.shape:
            shape = self._observation.shape
            raise ValueError(f"observation has shape {observation.shape}, expected {shape}")
        self._observation[...] = observation
        for name, value in options.items():
            self._options[name][...] = value
        self._run(self._next)
        self._next, self._other = self._other, self._next
        for name in options:  # they are of this step alone
            self._options[name][...] = name == "dt"
        return self._action.copy()


def _empty(port: Any, rows: int) -> Array:
    """Zeros of the shape of an input or output."""
    shape = [size if isinstance(size, int) else rows for size in port.shape]
    return np.zeros(shape, _TYPES[port.type])


def _bound(session: Any, inputs: dict[str, Array], outputs: dict[str, Array]) -> Any:
    """A binding that reads and writes these very arrays."""
    from onnxruntime import OrtValue

    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(array))
    return binding
