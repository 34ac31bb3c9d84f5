"""A trained policy that needs NumPy alone.

    policy = Policy("policy.npz")
    action = policy(observation, reset=True)    # an episode begins
    action = policy(observation)                # and goes on; the policy remembers

Observations are raw, as the task shows them: normalisation is inside. `Policy.step` is the same as
a pure function of observation and state. `Policy("policy.npz", batch=4)` acts for four at once.

Everything is a column of a matrix: a stage keeps its input, its memory and a one for the bias in
one array, so that one product serves them all. Letters: I inputs, H hidden size, N rows of a batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Read = Callable[[str], Array]  # from the name of an array of a stage to the array, as float32

NO_ACTION = -(1 << 31)  # the discrete action where logits are not finite; in no task's space
# Arrays of no dimension: NumPy takes half a microsecond longer over a scalar.
_ZERO, _HALF, _ONE = (np.array(number, np.float32) for number in (0, 0.5, 1))


class Policy:
    """A recurrent policy in a closed loop.

    Args:
        path: the file of weights, an `.npz` without pickles; `about` is what it says of itself.
        batch: rows of every observation; None for one observation without an axis for rows.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """

    def __init__(self, path: str | Path, batch: int | None = None) -> None:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        self.about: dict[str, Any] = json.loads(str(arrays["about"]))
        network = self.about["network"]
        self._rows = () if batch is None else (batch,)
        self._shape = (*self._rows, *self.about["task"]["observation_shape"])
        self._timed: bool = network["knows_time"]
        chosen, layers, read = network["channels"], network["layers"], _reader(arrays, "see")
        channels = None if chosen is None else np.array(chosen, np.intp)
        self._see = _Vector(channels, read) if layers is None else _Pixels(channels, read, layers)
        self._stages: list[_Dense | _Cell] = []
        for i, about in enumerate(network["stages"]):
            make = _Dense if about["op"] == "dense" else _Cell
            self._stages.append(make(about, _reader(arrays, f"stages.{i}"), self._rows))
        following = [stage.input for stage in self._stages[1:]]
        self._chain = list(zip(self._stages[:-1], following, strict=True))
        self._first, self._last = self._stages[0].input.T, self._stages[-1]
        self._memory = [stage.memory for stage in self._stages if stage.memory]
        self._start: int | None = network["action_start"]
        self._bounded: bool = network["bounded"]
        self._reach, self._middle = (arrays.get(f"head.{name}") for name in ("reach", "middle"))

    def __call__(
        self, observation: Array, dt: Array | float | None = None, reset: Array | bool = False
    ) -> Array:
        """Act, and remember.

        Args:
            observation: raw, of the task's shape; with a batch `(N, ...)`.
            dt: time since the last observation in units of the training's steps, `(N,)`; one by
                default. Only for policies that know time.
            reset: true where an episode begins with this observation, `(N,)`.

        Returns:
            The action `(A,)`, or `(N, A)`; of a discrete task its number, or `(N,)`.

        Raises:
            ValueError: another shape, or `dt` for a policy that knows no time.
        """
        if observation.shape != self._shape:
            raise ValueError(f"observation has shape {observation.shape}, expected {self._shape}")
        if dt is not None:
            if not self._timed:
                raise ValueError("dt was given to a policy that knows no time: leave it out")
            dt = np.asarray(dt, np.float32)
        if reset is not False:
            self.reset(reset)
        self._see(observation, self._first)
        for stage, following in self._chain:
            stage(following, dt)
        return self._decide(self._last.multiply().T)

    def step(
        self,
        observation: Array,
        state: tuple[Array, ...],
        dt: Array | float | None = None,
        reset: Array | bool = False,
    ) -> tuple[Array, tuple[Array, ...]]:
        """The same as a function of the state that the last step returned, or `initial_state()`."""
        self.state = state
        return self(observation, dt, reset), self.state

    def _decide(self, outputs: Array) -> Array:
        """From the last product, which the next call overwrites, to an action of its own."""
        if self._start is not None:
            finite = np.isfinite(outputs).all(-1)
            return np.where(finite, outputs.argmax(-1) + self._start, NO_ACTION)
        if not self._bounded:
            return outputs.copy()
        action = np.tanh(outputs)
        if self._reach is not None:
            np.multiply(action, self._reach, out=action)
        if self._middle is not None:
            np.add(action, self._middle, out=action)
        return action

    def reset(self, rows: Array | bool = True) -> None:
        """Forget everything, or all of those rows of a batch that are true in `rows (N,)`."""
        for stage in self._stages:
            for part in stage.memory:
                part[..., rows] = 0

    def initial_state(self) -> tuple[Array, ...]:
        """The state of fresh episodes: zeros."""
        return tuple(np.zeros_like(part) for part in self.state)

    @property
    def logits(self) -> Array:
        """Those of the last call, where actions are discrete, `(A,)` or `(N, A)`."""
        return self._last.product.T.copy()

    @property
    def state(self) -> tuple[Array, ...]:
        """What is remembered: h, and c of an LSTM, each `(layers, H)`, or `(layers, N, H)`."""
        return tuple(
            np.stack([part.T for part in parts]) for parts in zip(*self._memory, strict=True)
        )

    @state.setter
    def state(self, state: tuple[Array, ...]) -> None:
        for parts, given in zip(zip(*self._memory, strict=True), state, strict=True):
            for part, values in zip(parts, given, strict=True):
                if part.T.shape != values.shape:
                    raise ValueError(f"state has shape {values.shape}, expected {part.T.shape}")
                part.T[...] = values


def _reader(arrays: Mapping[str, Array], prefix: str) -> Read:
    return lambda name: np.ascontiguousarray(arrays[f"{prefix}.{name}"], np.float32)


class _Stage:
    """A column [..., 1], and its product with a matrix."""

    memory: tuple[Array, ...] = ()

    def __init__(self, matrix: Array, rows: tuple[int, ...]) -> None:
        self._matrix = np.ascontiguousarray(matrix)
        self._column = np.zeros((matrix.shape[1], *rows), np.float32)
        self._column[-1] = 1
        self.product: Array = np.zeros((len(matrix), *rows), np.float32)

    def multiply(self) -> Array:
        """The product, which the next call overwrites."""
        np.dot(self._matrix, self._column, out=self.product)
        return self.product


class _Dense(_Stage):
    """A dense layer with ReLU, which the last goes without; a stack remembers old inputs."""

    def __init__(self, about: Mapping[str, Any], read: Read, rows: tuple[int, ...]) -> None:
        weight, bias = read("weight"), read("bias")
        super().__init__(np.concatenate([weight, bias[:, None]], axis=1), rows)
        self._size = weight.shape[1] // about["frames"]
        self.input = self._column[-1 - self._size : -1]
        if about["frames"] > 1:
            self.memory = (self._column[: -1 - self._size],)

    def __call__(self, out: Array, dt: Array | None) -> None:
        np.maximum(self.multiply(), _ZERO, out=out)
        for old in self.memory:  # the present is the newest of what was
            old[...] = self._column[self._size : -1].copy()


class _Cell(_Stage):
    """A recurrent layer: the column [x, h, 1], and one product `z (G, H, N)` for all gates."""

    def __init__(self, about: Mapping[str, Any], read: Read, rows: tuple[int, ...]) -> None:
        self._advance, sigmoids = CELLS[about["op"]]
        before, recurrent, bias = read("weight_ih"), read("weight_hh"), read("bias")
        inputs, hidden = before.shape[1], recurrent.shape[1]
        matrix = np.concatenate([before, recurrent, bias[:, None]], axis=1)
        gates = matrix.reshape(-1, hidden, inputs + hidden + 1)
        # sigmoid(z) = (1 + tanh(z / 2)) / 2: with halved rows one tanh serves all gates.
        gates[[gate for gate in sigmoids if gate < len(gates)]] *= _HALF
        if about["op"] == "gru.standard":  # r stands between the two parts of n
            inner, outer = gates[2].copy(), gates[2].copy()
            inner[:, :inputs], inner[:, -1] = 0, read("bias_n")
            outer[:, inputs:-1] = 0
            gates = np.stack([*gates[:2], inner, outer])
        super().__init__(gates.reshape(-1, inputs + hidden + 1), rows)
        self.input, self.h = self._column[:inputs], self._column[inputs:-1]
        self.c, self.z = np.zeros_like(self.h), self.product.reshape(-1, hidden, *rows)
        self.memory = (self.h, self.c) if about["op"] == "lstm.standard" else (self.h,)
        self._timed: bool = about["timed"]
        if about["op"] == "cfc.pure":
            constants = (read(name) for name in ("w_tau", "amplitude"))
            self.rate, self.amplitude = (c.reshape(-1, *[1] * len(rows)) for c in constants)

    def __call__(self, out: Array, dt: Array | None) -> None:
        self.multiply()
        self._advance(self, dt if self._timed else None)
        out[...] = self.h


def _sigmoid(tanh: Array) -> None:
    """From `tanh(z / 2)`."""
    np.add(tanh, _ONE, out=tanh)
    np.multiply(tanh, _HALF, out=tanh)


def _gates_of_cfc(cell: _Cell, dt: Array | None) -> Array:
    """g, h~ and `f = sigmoid(dt z_F)`, of four matrices `sigmoid(dt z_A + z_B)`."""
    if dt is not None:
        np.multiply(cell.z[2], dt, out=cell.z[2])
    if len(cell.z) == 4:
        np.add(cell.z[2], cell.z[3], out=cell.z[2])
    gates = cell.z[:3]
    np.tanh(gates, out=gates)
    _sigmoid(gates[2])
    return gates


def _cfc(cell: _Cell, dt: Array | None) -> None:
    """`h = g (1 - f) + h~ f`."""
    g, h, f = _gates_of_cfc(cell, dt)
    np.subtract(h, g, out=h)
    np.multiply(h, f, out=h)
    np.add(g, h, out=cell.h)


def _cfc_no_gate(cell: _Cell, dt: Array | None) -> None:
    """`h = g + h~ f`."""
    g, h, f = _gates_of_cfc(cell, dt)
    np.multiply(h, f, out=h)
    np.add(g, h, out=cell.h)


def _cfc_pure(cell: _Cell, dt: Array | None) -> None:
    """`h = A - A exp(-dt (|w_tau| + |z|)) z`."""
    (z,) = cell.z
    rate = np.abs(cell.rate) + np.abs(z)
    decay = np.exp(-rate if dt is None else -dt * rate)
    np.subtract(cell.amplitude, cell.amplitude * decay * z, out=cell.h)


def _lstm(cell: _Cell, dt: Array | None) -> None:
    """`c = f c + i g, h = o tanh(c)`."""
    np.tanh(cell.z, out=cell.z)
    i, f, g, o = cell.z
    _sigmoid(cell.z[:2])
    _sigmoid(o)
    np.multiply(i, g, out=i)
    np.multiply(f, cell.c, out=f)
    np.add(i, f, out=cell.c)
    np.tanh(cell.c, out=g)
    np.multiply(o, g, out=cell.h)


def _gru(cell: _Cell, dt: Array | None) -> None:
    """`n = tanh(x_n + r (W_n h + b_n)), h = (1 - z) n + z h`."""
    r, z, inner, n = cell.z
    np.tanh(cell.z[:2], out=cell.z[:2])
    _sigmoid(cell.z[:2])
    np.multiply(r, inner, out=inner)
    np.add(n, inner, out=n)
    np.tanh(n, out=n)
    np.subtract(cell.h, n, out=inner)
    np.multiply(inner, z, out=inner)
    np.add(n, inner, out=cell.h)


# What a cell does, and which of its gates, in the order of the file, have a sigmoid.
CELLS: dict[str, tuple[Callable[[_Cell, Array | None], Any], tuple[int, ...]]] = {
    "cfc.paper": (_cfc, (2,)),
    "cfc.default": (_cfc, (2, 3)),
    "cfc.no_gate": (_cfc_no_gate, (2, 3)),
    "cfc.pure": (_cfc_pure, ()),
    "lstm.standard": (_lstm, (0, 1, 3)),
    "gru.standard": (_gru, (0, 1)),
    "rnn.tanh": (lambda cell, dt: np.tanh(cell.z[0], out=cell.h), ()),
    "rnn.relu": (lambda cell, dt: np.maximum(cell.z[0], _ZERO, out=cell.h), ()),
}


class _Vector:
    """Choice of channels, and normalisation; the deviation is part of the first weights."""

    def __init__(self, channels: Array | None, read: Read) -> None:
        self._channels, self._mean = channels, read("mean")

    def __call__(self, observation: Array, out: Array) -> None:
        seen = observation.astype(np.float32, copy=False)
        if self._channels is not None:
            seen = seen.take(self._channels, -1)
        np.subtract(seen, self._mean, out=out)


class _Pixels:
    """Choice of frames, and the layers before the first dense one."""

    def __init__(self, channels: Array | None, read: Read, layers: list[dict[str, Any]]) -> None:
        self._channels, self._read, self._layers = channels, read, layers

    def __call__(self, observation: Array, out: Array) -> None:
        x = observation.reshape(-1, *observation.shape[-3:])  # (N, C, H, W)
        x = x if self._channels is None else x.take(self._channels, 1)
        y = self._through(self._layers, x.astype(np.float32) * np.float32(1 / 255))
        out[...] = y.reshape(out.shape)

    def _through(self, layers: list[dict[str, Any]], x: Array) -> Array:
        for layer in layers:
            x = self._apply(layer, x)
        return x

    def _apply(self, layer: dict[str, Any], x: Array) -> Array:
        if layer["op"] == "relu":
            return np.maximum(x, _ZERO)
        if layer["op"] == "average":
            return np.asarray(x.mean((2, 3), keepdims=True))
        if layer["op"] == "residual":
            return x + self._through(layer["layers"], x)
        (kernel, stride, padding), pooled = layer["window"], layer["op"] == "maxpool"
        ends = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        x = np.pad(x, ends, constant_values=-np.inf if pooled else 0) if padding else x
        windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]  # (N, C, H', W', kernel, kernel)
        if pooled:
            return np.asarray(windows.max((4, 5)))
        weight, bias = self._read(f"{layer['name']}.weight"), self._read(f"{layer['name']}.bias")
        y = np.tensordot(windows, weight, ((1, 4, 5), (1, 2, 3))) + bias  # (N, H', W', O)
        return np.ascontiguousarray(y.transpose(0, 3, 1, 2))
