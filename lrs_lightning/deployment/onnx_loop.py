"""A policy in an ONNX file in a closed loop, at the least cost of a step; copy it to the robot.

    act = OnnxLoop("policy.onnx")
    action = act(observation, reset=True)    # an episode begins
    action = act(observation)                # and goes on; the state stays inside

`InferenceSession.run` makes new arrays for all that it takes and gives, which costs as much as a
small network. Here inputs and outputs are bound once. What a step leaves as state is what the next
one reads, so there are two bindings, which take turns. Needs NumPy and onnxruntime alone.
"""

from __future__ import annotations

from collections.abc import Callable
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
        self._rows, self._shape = rows, self._observation.shape
        self._options = {name: inputs[name] for name in ("dt", "reset") if name in inputs}
        if "dt" in inputs:
            inputs["dt"][...] = 1
        states = [name for name in inputs if f"{name}_n" in outputs]
        swapped = {name: outputs[f"{name}_n"] for name in states}
        back = {f"{name}_n": inputs[name] for name in states}
        self._bindings = [
            _bound(session, inputs, outputs),
            _bound(session, inputs | swapped, outputs | back),
        ]
        self._run, bare = _runner(session, self._bindings)
        # A binding, and the state that it reads; the first is next.
        self._turns = [(bare[0], [inputs[name] for name in states]), (bare[1], [*swapped.values()])]
        self._forgets_here = bool(states) and "reset" not in inputs

    def __call__(self, observation: Array, **options: Array | float | bool) -> Array:
        """Act, and remember.

        Args:
            observation: raw, `(rows, ...)`.
            options: `reset`, true where an episode begins, and `dt`, elapsed times, each `(rows,)`
                or one for all; `dt` as far as the file has it.

        Returns:
            The action, `(rows, A)`, or `(rows,)` of a discrete task.

        Raises:
            ValueError: another shape.
            KeyError: an option that the file does not have.
        """
        if observation.shape != self._shape:
            raise ValueError(f"observation has shape {observation.shape}, expected {self._shape}")
        self._observation[...] = observation
        binding, state = self._turns[0]
        if options:
            self._tell(options, state)
        self._run(binding, None)
        self._turns.reverse()
        if options:  # they are of this step alone
            for name, values in self._options.items():
                values[...] = name == "dt"
        return self._action.copy()

    def _tell(self, options: dict[str, Any], state: list[Array]) -> None:
        """Write options to where the file reads them, and zero the state if it does not itself."""
        for name, value in options.items():
            if name == "reset" and self._forgets_here:
                begins = np.broadcast_to(np.asarray(value, np.bool_), self._rows)
                for part in state:  # (layers, rows, size)
                    part[:, begins] = 0
            else:
                self._options[name][...] = value


def _runner(session: Any, bindings: list[Any]) -> tuple[Callable[[Any, Any], None], list[Any]]:
    """What runs a binding, and the bindings as it takes them.

    The method that onnxruntime shows asks in each call whether a GPU is to record it, which takes
    as long as two operations of the network; what it then calls is taken if it is there.
    """
    try:
        return session._sess.run_with_iobinding, [binding._iobinding for binding in bindings]
    except AttributeError:
        return session.run_with_iobinding, bindings


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
