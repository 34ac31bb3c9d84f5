"""Scans without the layer around them: what the kernels alone are asked, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lrs_kernels import find_cell
from lrs_kernels.low_precision import all_in
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import reference_scan
from lrs_kernels.self_test import rms_ratio

GATES = {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1}
VARIANTS = {"cfc": "paper", "lstm": "standard", "gru": "standard", "rnn": "tanh"}
RANK, DENSITY = 8, 0.5

TOLERANCE = {
    "ieee": (1e-5, 1e-5),
    "tf32x3": (1e-5, 2e-5),
    "tf32": (2e-3, 5e-3),
    "bf16": (1e-2, 2e-2),
}
"""RMS of the error over RMS of the value, outputs and gradients, against float64."""


@dataclass(frozen=True)
class ScanCase:
    """One pass of one scan, with rank-8 weights and a mask of density 0.5."""

    cell: str
    direction: str
    precision: str
    hidden: int
    batch: int
    steps: int = 256
    members: int = 1
    resets: bool = False
    storage: str = "float32"

    @property
    def key(self) -> str:
        """Short and unique."""
        sizes = f"P{self.members}-T{self.steps}-B{self.batch}-H{self.hidden}"
        options = "-resets" * self.resets + f"-{self.storage}" * (self.storage != "float32")
        return f"{self.cell}-{self.direction}-{self.precision}-{sizes}{options}"

    def columns(self) -> dict[str, Any]:
        """Its values as columns of a table."""
        return asdict(self)


class Scan:
    """Random tensors of a case on a device, and the passes over them."""

    def __init__(self, case: ScanCase, device: str) -> None:
        gates, hidden = GATES[case.cell], case.hidden
        lead, sequence = (case.members,), (case.members, case.steps, case.batch)
        self.recurrence = Recurrence(find_cell(case.cell), VARIANTS[case.cell], case.precision)
        factors = (
            torch.randn(*lead, gates, hidden, RANK, device=device) / hidden**0.5,
            torch.randn(*lead, gates, RANK, hidden, device=device) / RANK**0.5,
        )
        mask = (torch.rand(*lead, gates, hidden, hidden, device=device) < DENSITY).float()
        self.inputs = Inputs.of(
            torch.randn(*sequence, gates * hidden, device=device),
            Recurrent.of(factors, mask),
            torch.randn(*lead, case.batch, hidden, device=device),
            c0=torch.randn(*lead, case.batch, hidden, device=device)
            if self.recurrence.cell.has_c
            else None,
            bias_n=torch.randn(*lead, hidden, device=device)
            if self.recurrence.cell.joins_late
            else None,
            resets=torch.rand(*sequence, device=device) < 0.01 if case.resets else None,
        )
        self.dy = torch.randn(*sequence, hidden, device=device)
        if case.storage == "bfloat16":
            self.inputs = all_in(self.inputs, torch.bfloat16)
            self.dy = self.dy.bfloat16()

    def call(self, direction: str) -> Callable[[], object]:
        """The pass as a call that can be timed."""
        from lrs_kernels.triton import launch

        if direction == "forward":
            return lambda: launch.forward(self.recurrence, self.inputs)
        trace = launch.forward(self.recurrence, self.inputs)
        inputs, upstream = self.inputs._replace(x_proj=None), Upstream(self.dy)
        return lambda: launch.backward(self.recurrence, inputs, trace, upstream)

    def errors(self) -> tuple[float, float]:
        """How far outputs and the gradient of the inputs are from the reference in float64."""
        from lrs_kernels.triton import launch

        trace = launch.forward(self.recurrence, self.inputs)
        inputs = self.inputs._replace(x_proj=None)
        grads = launch.backward(self.recurrence, inputs, trace, Upstream(self.dy))
        y, dz = self._reference()
        return rms_ratio(trace.states, y), rms_ratio(grads.dz, dz)

    def _reference(self) -> tuple[Tensor, Tensor]:
        exact = all_in(self.inputs, torch.float64)
        x, weight = exact.x_proj.requires_grad_(), exact.recurrent.effective()
        states = tuple(state for state in (exact.h0, exact.c0) if state is not None)
        extras = {} if exact.bias_n is None else {"bias_n": exact.bias_n}
        form = self.recurrence.form
        y, _ = reference_scan(form, x, weight, states, exact.resets, extras)
        (dz,) = torch.autograd.grad(y, x, self.dy.double())
        return y.detach(), dz


def chosen(case: ScanCase) -> dict[str, object]:
    """Which kernel the plan takes: path, rows of a program, warps, and where matrices lie."""
    from lrs_kernels.triton.cells import kernel_cell
    from lrs_kernels.triton.config import plan

    cell = kernel_cell(find_cell(case.cell), VARIANTS[case.cell], GATES[case.cell])
    found = plan(
        cell, case.direction, case.hidden, RANK, True, case.precision, case.batch, case.members
    )  # type: ignore[arg-type]
    return {
        "path": found.path,
        "rows": found.block_b,
        "warps": found.tile.num_warps,
        "held": found.tile.held,
        "ahead": found.tile.ahead,
    }
