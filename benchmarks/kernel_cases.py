"""What `python -m benchmarks kernels` measures: shapes, and the providers that compete at them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lrs_kernels import (
    cfc_scan,
    find_cell,
    gru_scan,
    lstm_scan,
    recurrent_layer,
    rnn_scan,
)
from lrs_kernels.native import load_library

RANK, DENSITY = 8, 0.5
SCANS: dict[str, tuple[Callable[..., Any], int]] = {
    "cfc": (cfc_scan, 3),
    "lstm": (lstm_scan, 4),
    "gru": (gru_scan, 3),
    "rnn": (rnn_scan, 1),
}
PEERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@dataclass(frozen=True)
class Case:
    """Sizes of one measurement; `members` is 1 unless it is about a population."""

    batch: int
    steps: int
    inputs: int
    hidden: int
    members: int = 1

    @property
    def name(self) -> str:
        """Short and unique."""
        members = f"P{self.members} " if self.members > 1 else ""
        return f"{members}B{self.batch} T{self.steps} I{self.inputs} H{self.hidden}"


TRAINING = (
    Case(32, 32, 128, 64),
    Case(32, 256, 128, 64),
    Case(32, 32, 128, 128),
    Case(8, 32, 128, 64),
    Case(1, 32, 128, 64),
)
SMOKE = (Case(8, 8, 32, 32),)
POPULATION = (Case(32, 32, 0, 64, 16), Case(8, 32, 0, 64, 16), Case(1, 32, 0, 64, 16))
SMOKE_POPULATION = (Case(4, 8, 0, 32, 4),)


class Layer(nn.Module):
    """Input projection and scan with rank 8 and half of the connections: what a user trains.

    By `recurrent_layer`, as the layers do it; or, `apart`, by a product and a scan after it.
    """

    def __init__(
        self,
        cell: str,
        case: Case,
        backend: str,
        precision: str | None = None,
        apart: bool = False,
    ) -> None:
        super().__init__()
        (self.scan, gates), self.cell, self.apart = SCANS[cell], cell, apart
        self.options = {"backend": backend, "precision": precision}
        width, hidden = gates * case.hidden, case.hidden
        self.input_weight = nn.Parameter(torch.randn(width, case.inputs) / case.inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(width))
        self.w1 = nn.Parameter(torch.randn(gates, hidden, RANK) / hidden**0.5)
        self.w2 = nn.Parameter(torch.randn(gates, RANK, hidden) / RANK**0.5)
        self.register_buffer("mask", (torch.rand(gates, hidden, hidden) < DENSITY).float())

    def forward(self, x: Tensor) -> Tensor:
        """`(T, B, I)` to `(T, B, H)`."""
        factors, options = (self.w1, self.w2), {"mask": self.mask, **self.options}
        y: Tensor
        if self.apart:
            x_proj = nn.functional.linear(x, self.input_weight, self.bias)
            y = self.scan(x_proj, factors, **options)[0]
        else:
            y = recurrent_layer(self.cell, x, self.input_weight, self.bias, factors, **options)[0]
        return y


def our_backends() -> list[tuple[str, str]]:
    """Name and backend of everything of ours that runs here on a CPU."""
    native = [("ours native", "native")] if load_library(find_cell("cfc")).functions else []
    return [*native, ("ours calls", "cpu")]


def layers(cell: str, case: Case) -> dict[str, Callable[[Tensor], Tensor]]:
    """Every provider of a layer `(T, B, I) -> (T, B, H)` by name."""
    torch.manual_seed(0)
    found: dict[str, Callable[[Tensor], Tensor]] = {
        name: Layer(cell, case, backend) for name, backend in our_backends()
    }
    if "ours native" in found:
        found["ours native, projected before"] = Layer(cell, case, "native", apart=True)
    found["reference loop"] = Layer(cell, case, "reference")
    if cell in PEERS:
        peer = PEERS[cell](case.inputs, case.hidden)
        found[f"torch.nn.{cell.upper()}"] = _first_output(peer)
    else:
        found["torch.nn.LSTM"] = _first_output(nn.LSTM(case.inputs, case.hidden))
        if importlib.util.find_spec("ncps") is not None:
            from ncps.torch import CfC

            cfc = CfC(case.inputs, case.hidden, backbone_layers=0, batch_first=False)
            found["ncps"] = _first_output(cfc)
    return found


def _first_output(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: module(x)[0]  # type: ignore[no-any-return]


def step_providers(hidden: int, inputs: int) -> dict[str, Callable[[], object]]:
    """One step at batch 1, as a control loop asks for it."""
    import numpy as np

    from lrs_kernels import CfCStep, GRUStep, LSTMStep, RNNStep

    x = np.random.default_rng(0).standard_normal(inputs).astype(np.float32)
    found: dict[str, Callable[[], object]] = {}
    for cell, make in (("cfc", CfCStep), ("lstm", LSTMStep), ("gru", GRUStep), ("rnn", RNNStep)):
        gates = SCANS[cell][1]
        weight = torch.randn(gates, hidden, hidden) / hidden**0.5
        step = make(torch.randn(gates * hidden, inputs), torch.randn(gates * hidden), weight)
        found[f"ours {cell} step"] = lambda step=step: step(x)
    cell_module, row, state = nn.LSTMCell(inputs, hidden), torch.randn(1, inputs), None

    def torch_step() -> None:
        with torch.inference_mode():
            cell_module(row, state)

    found["torch.nn.LSTMCell"] = torch_step
    return found
