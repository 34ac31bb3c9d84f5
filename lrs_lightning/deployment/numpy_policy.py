"""A trained policy that needs NumPy alone.

    policy = Policy("policy.npz")
    action = policy(observation, reset=True)    # an episode begins
    action = policy(observation)                # and goes on; the policy remembers

Observations are raw, as the task shows them: normalisation is inside. `Policy.step` is the same as
a pure function of observation and state. `Policy("policy.npz", batch=4)` acts for four at once.

A call of NumPy costs more than what a small policy computes in it: a step is a list of as few calls
as can be, prepared when the file is read. All inputs lie in one line, each before a one for a bias,
`[x, 1, x', 1, ...]`; a dense stage reads `[x, 1]`, a recurrent one `[x, 1, h]`, its h being x'.
Letters: H hidden size, G gates, N rows of a batch, the last axis of whatever is inside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Times = Array | float | None
Flags = Array | bool
Calls = Iterator[tuple[Any, ...]]  # functions and their arguments, the last of which is written
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
        network, rows = self.about["network"], () if batch is None else (batch,)
        self._shape = (*rows, *self.about["task"]["observation_shape"])
        self._timed: bool = network["knows_time"]
        self._read, self._layers = _reader(arrays, "see"), network["layers"]
        chosen, self._axis = network["channels"], -1 if self._layers is None else -3
        self._channels = None if chosen is None else np.array(chosen, np.intp)
        stages = _stages(network["stages"], arrays, rows)
        self._mean = self._read("mean") if "see.mean" in arrays else None  # else in the first bias
        self._dt = np.ones(rows, np.float32)
        self._calls, self._calls_with_dt = (
            [partial(call, *args) for stage in stages for call, *args in stage.calls(dt)]
            for dt in (None, self._dt)
        )
        self._memory = [stage for stage in stages if stage.memory]
        self._input, self._outputs = stages[0].x.T, stages[-1].product.T
        self._start, self._bounded = network["action_start"], network["bounded"]
        self._reach, self._middle = (arrays.get(f"head.{name}") for name in ("reach", "middle"))

    def __call__(self, observation: Array, dt: Times = None, reset: Flags = False) -> Array:
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
            self._dt[...] = dt
        if reset is not False:
            self.reset(reset)
        if self._channels is not None:
            observation = observation.take(self._channels, self._axis)
        if self._layers is not None:
            x = observation.reshape(-1, *observation.shape[-3:]).astype(np.float32)
            observation = _through(self._layers, self._read, x * np.float32(1 / 255))
            observation = observation.reshape(self._input.shape)
        self._input[...] = observation
        if self._mean is not None:
            np.subtract(self._input, self._mean, self._input)
        for call in self._calls if dt is None else self._calls_with_dt:
            call()
        return self._decide(self._outputs)

    def step(
        self, observation: Array, state: tuple[Array, ...], dt: Times = None, reset: Flags = False
    ) -> tuple[Array, tuple[Array, ...]]:
        """The same as a function of the state that the last step returned, or `initial_state()`."""
        self.state = state
        return self(observation, dt, reset), self.state

    def _decide(self, outputs: Array) -> Array:
        """From the last product, which the next call overwrites, to an action of its own."""
        if self._start is not None:
            finite = np.isfinite(outputs).all(-1)
            return np.where(finite, outputs.argmax(-1) + self._start, NO_ACTION)
        action = np.tanh(outputs) if self._bounded else outputs.copy()
        if self._reach is not None:
            np.multiply(action, self._reach, action)
        if self._middle is not None:
            np.add(action, self._middle, action)
        return action

    def reset(self, rows: Flags = True) -> None:
        """Forget everything, or all of those rows of a batch that are true in `rows (N,)`."""
        for stage in self._memory:
            for part in stage.memory:
                part[..., rows] = 0

    def initial_state(self) -> tuple[Array, ...]:
        """The state of fresh episodes: zeros."""
        return tuple(np.zeros_like(part) for part in self.state)

    @property
    def logits(self) -> Array:
        """Those of the last call, where actions are discrete, `(A,)` or `(N, A)`."""
        return self._outputs.copy()

    @property
    def state(self) -> tuple[Array, ...]:
        """What is remembered: h, and c of an LSTM, each `(layers, H)`, or `(layers, N, H)`."""
        parts = zip(*([p.T / s.scale for p in s.memory] for s in self._memory), strict=True)
        return tuple(np.stack(layers) for layers in parts)

    @state.setter
    def state(self, state: tuple[Array, ...]) -> None:
        for stage, *given in zip(self._memory, *state, strict=True):
            for part, values in zip(stage.memory, given, strict=True):
                if part.T.shape != values.shape:
                    raise ValueError(f"state has shape {values.shape}, expected {part.T.shape}")
                np.multiply(values, stage.scale, part.T)


def _reader(arrays: Mapping[str, Array], prefix: str) -> Read:
    return lambda name: np.ascontiguousarray(arrays[f"{prefix}.{name}"], np.float32)


def _stages(
    abouts: list[Any], arrays: Mapping[str, Array], rows: tuple[int, ...]
) -> list[_Dense | _Cell]:
    """All stages, along one line."""
    reads = [_reader(arrays, f"stages.{i}") for i in range(len(abouts))]
    ops: dict[str, type[_Dense | _Cell]] = {"dense": _Dense, **dict.fromkeys(CELLS, _Cell)}
    kinds = [ops[about["op"]] for about in abouts]
    sizes = [len(read(kind.weight).T) for read, kind in zip(reads, kinds, strict=True)]
    line = np.zeros((sum(sizes) + len(sizes), *rows), np.float32)
    stages, scale = list[_Dense | _Cell](), 1
    for size, kind, about, read in zip(sizes, kinds, abouts, reads, strict=True):
        if stages and stages[-1].size != (new := size // about.get("frames", 1)):
            raise ValueError(f"a stage gives {stages[-1].size} numbers, and the next reads {new}")
        line[size] = 1
        stages.append(kind(about, read, line, scale))
        line, scale = line[size + 1 :], stages[-1].scale
    return stages


class _Stage:
    """The product of a matrix with the beginning of a line: from `x` to `h`, the next input."""

    weight = "weight"  # whose columns are the inputs
    memory: tuple[Array, ...] = ()
    scale = 1  # how many times h is kept

    def __init__(self, matrix: Array, line: Array, inputs: int, size: int) -> None:
        self.size, self.x, self.h = size, line[:inputs], line[inputs + 1 :][:size]
        self.product: Array = np.zeros((len(matrix), *line.shape[1:]), np.float32)
        dot = np.asfortranarray(matrix).dot  # by columns: so BLAS is quickest
        self.multiply = dot, line[: matrix.shape[1]], self.product


class _Dense(_Stage):
    """A dense layer with ReLU, which the last goes without; a stack remembers old inputs."""

    def __init__(self, about: Mapping[str, Any], read: Read, line: Array, scale: int) -> None:
        weight, bias, frames = read("weight") / scale, read("bias")[:, None], about["frames"]
        inputs, new = weight.shape[1], weight.shape[1] // frames
        weight = np.roll(weight, new, axis=1)  # in the file the present is last
        super().__init__(np.concatenate([weight, bias], axis=1), line, inputs, len(weight))
        self.x, self.memory = line[:new], (line[new:inputs],) if frames > 1 else ()

    def calls(self, dt: Array | None) -> Calls:
        """The product, and what follows from it."""
        yield self.multiply
        if len(self.h):
            yield _relu, self.product, self.h
        for old in self.memory:  # the present is the newest of what was
            yield np.positive, old[len(self.x) :], old[: -len(self.x)]
            yield np.positive, self.x, old[-len(self.x) :]


class _Cell(_Stage):
    """A recurrent layer: one product `z (G, H, N)` for all gates."""

    weight = "weight_ih"

    def __init__(self, about: Mapping[str, Any], read: Read, line: Array, scale: int) -> None:
        self._equations, sigmoids, self.scale = CELLS[about["op"]]
        before, recurrent = read("weight_ih") / scale, read("weight_hh") / self.scale
        columns = [before, read("bias")[:, None], recurrent]
        inputs, hidden = before.shape[1], recurrent.shape[1]
        gates = np.concatenate(columns, axis=1).reshape(-1, hidden, inputs + 1 + hidden)
        # sigmoid(z) = (1 + tanh(z / 2)) / 2: with halved rows one tanh serves all gates.
        gates[[gate for gate in sigmoids if gate < len(gates)]] *= _HALF
        if about["op"] == "gru.standard":  # r stands between the two parts of n
            inner, outer = gates[2].copy(), gates[2].copy()
            inner[:, :inputs], inner[:, inputs] = 0, read("bias_n")
            outer[:, inputs + 1 :] = 0
            gates = np.stack([*gates[:2], inner, outer])
        super().__init__(gates.reshape(-1, gates.shape[2]), line, inputs, hidden)
        self.c, self.z = np.zeros_like(self.h), self.product.reshape(-1, *self.h.shape)
        self.memory = (self.h, self.c) if about["op"] == "lstm.standard" else (self.h,)
        self._timed, self.read = about["timed"], read

    def calls(self, dt: Array | None) -> Calls:
        """The product, and from it the state, which is the input of the next stage."""
        yield self.multiply
        yield from self._equations(self, dt if self._timed else None)


def _relu(z: Array, out: Array) -> None:
    np.maximum(z, _ZERO, out=out)


def _sigmoid(tanh: Array) -> Calls:
    """From `tanh(z / 2)`."""
    yield np.add, tanh, _ONE, tanh
    yield np.multiply, tanh, _HALF, tanh


def _gates_of_cfc(z: Array, dt: Array | None) -> Calls:
    """`tanh` of z_G, z_H and half of `dt z_F`, or with four matrices of `dt z_A + z_B`."""
    if dt is not None:
        yield np.multiply, z[2], dt, z[2]
    if len(z) == 4:
        yield np.add, z[2], z[3], z[2]
    yield np.tanh, z[:3], z[:3]


def _cfc(cell: _Cell, dt: Array | None) -> Calls:
    """`h = g (1 - f) + h~ f`; with `f = (1 + t) / 2` it is `2 h = g + h~ + (h~ - g) t`."""
    g, new, t, *_ = cell.z
    yield from _gates_of_cfc(cell.z, dt)
    yield np.add, g, new, cell.h
    yield np.subtract, new, g, new
    yield np.multiply, new, t, new
    yield np.add, cell.h, new, cell.h


def _cfc_no_gate(cell: _Cell, dt: Array | None) -> Calls:
    """`h = g + h~ f`."""
    g, new, f, *_ = cell.z
    yield from _gates_of_cfc(cell.z, dt)
    yield from _sigmoid(f)
    yield np.multiply, new, f, new
    yield np.add, g, new, cell.h


def _cfc_pure(cell: _Cell, dt: Array | None) -> Calls:
    """`h = A - A exp(-dt (|w_tau| + |z|)) z`."""
    (z,), rows, elapsed = cell.z, [1] * (cell.h.ndim - 1), _ONE if dt is None else dt
    w, a = (cell.read(name).reshape(-1, *rows) for name in ("w_tau", "amplitude"))
    yield (lambda: np.subtract(a, a * np.exp(-elapsed * (np.abs(w) + np.abs(z))) * z, cell.h),)


def _lstm(cell: _Cell, dt: Array | None) -> Calls:
    """`c = f c + i g, h = o tanh(c)`."""
    i, f, g, o = cell.z
    yield np.tanh, cell.z, cell.z
    yield from _sigmoid(cell.z[:2])
    yield from _sigmoid(o)
    yield np.multiply, i, g, i
    yield np.multiply, f, cell.c, f
    yield np.add, i, f, cell.c
    yield np.tanh, cell.c, g
    yield np.multiply, o, g, cell.h


def _gru(cell: _Cell, dt: Array | None) -> Calls:
    """`n = tanh(x_n + r (W_n h + b_n)), h = (1 - z) n + z h`."""
    r, z, inner, n = cell.z
    yield np.tanh, cell.z[:2], cell.z[:2]
    yield from _sigmoid(cell.z[:2])
    yield np.multiply, r, inner, inner
    yield np.add, n, inner, n
    yield np.tanh, n, n
    yield np.subtract, cell.h, n, inner
    yield np.multiply, inner, z, inner
    yield np.add, n, inner, cell.h


# What a cell does; which of its gates, in the order of the file, have a sigmoid; and how many times
# its state it keeps, which saves a call: what reads it is divided by that, a power of two.
CELLS: dict[str, tuple[Callable[[_Cell, Array | None], Calls], tuple[int, ...], int]] = {
    "cfc.paper": (_cfc, (2,), 2),
    "cfc.default": (_cfc, (2, 3), 2),
    "cfc.no_gate": (_cfc_no_gate, (2, 3), 1),
    "cfc.pure": (_cfc_pure, (), 1),
    "lstm.standard": (_lstm, (0, 1, 3), 1),
    "gru.standard": (_gru, (0, 1), 1),
    "rnn.tanh": (lambda cell, dt: iter([(np.tanh, cell.z[0], cell.h)]), (), 1),
    "rnn.relu": (lambda cell, dt: iter([(_relu, cell.z[0], cell.h)]), (), 1),
}


def _through(layers: list[dict[str, Any]], read: Read, x: Array) -> Array:
    """What layers make of pictures `(N, C, H, W)`."""
    return reduce(lambda x, layer: _apply(layer, read, x), layers, x)


def _apply(layer: dict[str, Any], read: Read, x: Array) -> Array:
    if layer["op"] == "relu":
        return np.maximum(x, _ZERO)
    if layer["op"] == "average":
        return np.asarray(x.mean((2, 3), keepdims=True))
    if layer["op"] == "residual":
        return x + _through(layer["layers"], read, x)
    (kernel, stride, padding), pooled = layer["window"], layer["op"] == "maxpool"
    ends = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    x = np.pad(x, ends, constant_values=-np.inf if pooled else 0) if padding else x
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (N, C, H', W', kernel, kernel)
    if pooled:
        return np.asarray(windows.max((4, 5)))
    weight, bias = read(f"{layer['name']}.weight"), read(f"{layer['name']}.bias")
    y = np.tensordot(windows, weight, ((1, 4, 5), (1, 2, 3))) + bias  # (N, H', W', O)
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))
