"""One step at a time for a robot: batch of one, NumPy only, no memory allocated after the start.

A control loop asks for one action in microseconds, and asks again. There the calls cost more than
the arithmetic, so input, state and a one for the bias stand side by side in one vector, one product
serves all gates, and one `tanh` all of them: `sigmoid(z) = (1 + tanh(z / 2)) / 2`, the half of z
being part of the weights. A step returns its own buffer: copy what must outlive the next call.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.registry import find_cell

Array = NDArray[np.float32]
# Arrays of no dimension: NumPy takes half a microsecond longer over a scalar.
_HALF, _ONE = np.array(0.5, np.float32), np.array(1.0, np.float32)


class CellStep:
    """What the four cells share: the vector [x, h, 1], and the product that serves all gates.

    Args:
        input_weight: `(G*H, I)`.
        bias: `(G*H,)`.
        weight: recurrent weights, dense `(G, H, H)` or factors `(G, H, r)` and `(G, r, H)`.
        mask: 1 where a connection exists, `(G, H, H)`; all ones by default.

    Raises:
        ValueError: if the shapes do not fit.

    """

    _cell: str
    _variant: str

    def __init__(
        self,
        input_weight: Tensor,
        bias: Tensor,
        weight: Tensor | tuple[Tensor, Tensor],
        mask: Tensor | None = None,
    ) -> None:
        effective = Recurrent.of(weight, mask).effective()
        form = find_cell(self._cell).variants[self._variant]
        gates, hidden = form.gates[0], effective.shape[-1]
        inputs = input_weight.shape[-1]
        for name, tensor, shape in (
            ("weight", effective, (gates, hidden, hidden)),
            ("input_weight", input_weight, (gates * hidden, inputs)),
            ("bias", bias, (gates * hidden,)),
        ):
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
        parts = [input_weight, effective.reshape(gates * hidden, hidden), bias[:, None]]
        matrix = torch.cat([part.detach().float().cpu() for part in parts], dim=1)
        for gate, activation in enumerate(form.activations[:gates]):
            if activation == "sigmoid":
                matrix[gate * hidden : (gate + 1) * hidden] *= 0.5
        self._matrix: Array = matrix.numpy()
        self._vector: Array = np.zeros(inputs + hidden + 1, np.float32)
        self._vector[-1] = 1
        self._input = self._vector[:inputs]
        self._product: Array = np.empty(gates * hidden, np.float32)
        self._gates = [self._product[g * hidden : (g + 1) * hidden] for g in range(gates)]
        self._difference: Array = np.empty(hidden, np.float32)
        self.hidden: Array = self._vector[inputs:-1]
        """Hidden state `(H,)`; write to it to start elsewhere than at zero."""

    def reset(self) -> None:
        """Forget everything: an episode begins."""
        self.hidden[:] = 0

    def _multiply(self, x: NDArray[np.floating]) -> None:
        self._input[:] = x
        np.dot(self._matrix, self._vector, out=self._product)


class CfCStep(CellStep):
    """One step of a CfC with the gates G, H, F; `step(x, dt) -> h` with x `(I,)` and h `(H,)`."""

    _cell, _variant = "cfc", "paper"

    def __call__(self, x: NDArray[np.floating], timespan: float | None = None) -> Array:
        """Advance by one input, `timespan` after the last one (1 by default)."""
        self._multiply(x)
        g, h, f = self._gates
        if timespan is not None:
            np.multiply(f, np.float32(timespan), out=f)
        np.tanh(self._product, out=self._product)
        difference = self._difference
        np.subtract(h, g, out=difference)
        np.add(f, _ONE, out=f)
        np.multiply(f, _HALF, out=f)
        np.multiply(difference, f, out=difference)
        np.add(g, difference, out=self.hidden)
        return self.hidden


class LSTMStep(CellStep):
    """One step of an LSTM with the gates i, f, g, o; `step(x) -> h`; `cell` is its other state."""

    _cell, _variant = "lstm", "standard"

    def __init__(
        self,
        input_weight: Tensor,
        bias: Tensor,
        weight: Tensor | tuple[Tensor, Tensor],
        mask: Tensor | None = None,
    ) -> None:
        super().__init__(input_weight, bias, weight, mask)
        hidden = self.hidden.size
        # Stored as o, i, f, g, cell: one call serves all sigmoids, one both products of the cell.
        rows = self._matrix.reshape(4, hidden, -1)[[3, 0, 1, 2]]
        self._matrix = rows.reshape(4 * hidden, -1)
        line: Array = np.zeros(5 * hidden, np.float32)
        self._product = line[: 4 * hidden]
        self._sigmoids, self._output = line[: 3 * hidden], line[:hidden]
        self._factors = line[hidden : 3 * hidden], line[3 * hidden :]
        self._terms: Array = np.empty(2 * hidden, np.float32)
        self._halves = self._terms[:hidden], self._terms[hidden:]
        self.cell: Array = line[4 * hidden :]
        """Cell state `(H,)`; write to it to start elsewhere than at zero."""

    def reset(self) -> None:
        """Forget everything: an episode begins."""
        super().reset()
        self.cell[:] = 0

    def __call__(self, x: NDArray[np.floating]) -> Array:
        """Advance by one input."""
        self._multiply(x)
        product, sigmoids, difference = self._product, self._sigmoids, self._difference
        np.tanh(product, product)
        np.add(sigmoids, _ONE, sigmoids)
        np.multiply(sigmoids, _HALF, sigmoids)
        np.multiply(*self._factors, self._terms)
        np.add(*self._halves, self.cell)
        np.tanh(self.cell, difference)
        np.multiply(self._output, difference, self.hidden)
        return self.hidden


class GRUStep(CellStep):
    """One step of a GRU with the gates r, z, n; `step(x) -> h`.

    Args:
        input_weight: `(3H, I)`.
        bias: `(3H,)`; all biases but the inner one of n.
        weight: recurrent weights, as in `CellStep`.
        mask: as in `CellStep`.
        bias_n: torch's `b_hn`, inside `r * (W_hn h + b_hn)`, `(H,)`; zeros by default.

    """

    _cell, _variant = "gru", "standard"

    def __init__(
        self,
        input_weight: Tensor,
        bias: Tensor,
        weight: Tensor | tuple[Tensor, Tensor],
        mask: Tensor | None = None,
        bias_n: Tensor | None = None,
    ) -> None:
        super().__init__(input_weight, bias, weight, mask)
        inputs, hidden = self._input.size, self.hidden.size
        # r stands between the two parts of n, so the input part has rows of its own.
        outer = self._matrix[2 * hidden :].copy()
        outer[:, inputs:-1] = 0
        self._matrix[2 * hidden :, :inputs] = 0
        inner = torch.zeros(hidden) if bias_n is None else bias_n.detach().float().cpu()
        self._matrix[2 * hidden :, -1] = inner.numpy()
        self._matrix = np.concatenate([self._matrix, outer])
        self._product = np.empty(4 * hidden, np.float32)
        self._gates = [self._product[g * hidden : (g + 1) * hidden] for g in range(4)]
        self._reset_update = self._product[: 2 * hidden]

    def __call__(self, x: NDArray[np.floating]) -> Array:
        """Advance by one input."""
        self._multiply(x)
        r, z, inner, n = self._gates
        both = self._reset_update
        np.tanh(both, out=both)
        np.add(both, _ONE, out=both)
        np.multiply(both, _HALF, out=both)
        np.multiply(r, inner, out=inner)
        np.add(n, inner, out=n)
        np.tanh(n, out=n)
        difference = self._difference
        np.subtract(self.hidden, n, out=difference)
        np.multiply(difference, z, out=difference)
        np.add(n, difference, out=self.hidden)
        return self.hidden


class RNNStep(CellStep):
    """One step of an Elman network; `step(x) -> h`.

    Args:
        input_weight: `(H, I)`.
        bias: `(H,)`.
        weight: recurrent weights, as in `CellStep`.
        mask: as in `CellStep`.
        nonlinearity: `tanh` or `relu`.

    """

    _cell, _variant = "rnn", "tanh"

    def __init__(
        self,
        input_weight: Tensor,
        bias: Tensor,
        weight: Tensor | tuple[Tensor, Tensor],
        mask: Tensor | None = None,
        nonlinearity: str = "tanh",
    ) -> None:
        super().__init__(input_weight, bias, weight, mask)
        self._relu = nonlinearity == "relu"

    def __call__(self, x: NDArray[np.floating]) -> Array:
        """Advance by one input."""
        self._multiply(x)
        if self._relu:
            np.maximum(self._product, np.float32(0), out=self.hidden)
        else:
            np.tanh(self._product, out=self.hidden)
        return self.hidden
