"""Is the path that runs here right? Every cell against its reference in float64, on this device.

A processor, a compiler, a driver and a card are each another than those the tests ran on, so the
check travels with the package. It takes seconds: small scans with all options, both passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.dispatch import choose
from lrs_kernels.precision import resolve
from lrs_kernels.registry import cells
from lrs_kernels.scan import recurrent_layer, recurrent_scan

STEPS, BATCH, INPUTS, RANK, DENSITY = 12, 5, 19, 4, 0.5
HIDDEN = 40
"""No multiple of the sizes in which kernels compute: what is padded must not be seen."""

TOLERANCE = {"ieee": 1e-5, "tf32": 1e-2, "bf16": 3e-2}
"""RMS of the error over RMS of the value that products may have, by their precision."""
AT_A_KINK = 0.2
"""The same for relu in lower precision: a unit that rounding turns off changes its gradient by all
of it, which no tolerance of roundings covers."""

SWITCH_OFF = {
    "native": "set LRS_KERNELS_NATIVE=0 in the environment, and PyTorch calls take its place",
    "triton": "set LRS_KERNELS_TRITON=0 in the environment, and PyTorch calls take its place",
    "cpu": "pass backend='reference'",
    "reference": "this is PyTorch itself: look at its installation",
}
"""How to do without a backend."""


@dataclass(frozen=True)
class Finding:
    """What one path gave.

    Attributes:
        cell: name of the cell.
        variant: its form.
        backend: what `auto` takes here.
        precision: of the products.
        error: the largest RMS of an error over the RMS of its value, of outputs and gradients; NaN
            where anything was, infinite where the path raised.
        failure: what it raised, else empty.

    """

    cell: str
    variant: str
    backend: str
    precision: str
    error: float
    failure: str = ""

    @property
    def right(self) -> bool:
        """Whether it is within the tolerance."""
        return self.error <= self.allowed  # False for NaN

    @property
    def allowed(self) -> float:
        """The tolerance."""
        if self.variant == "relu" and self.precision != "ieee":
            return AT_A_KINK
        return TOLERANCE[self.precision]

    def __str__(self) -> str:
        what = f"{self.cell} {self.variant}, {self.backend}, {self.precision}"
        if self.right:
            return f"right  {what}: error {self.error:.1e}"
        seen = self.failure or f"error {self.error:.1e}, allowed {self.allowed:.0e}"
        return f"WRONG  {what}: {seen}; {SWITCH_OFF[self.backend]}"


def self_test(device: str | None = None) -> list[Finding]:
    """Run every variant of every registered cell on the path that `auto` takes, both ways.

    Kernels of a GPU are compiled side by side, which takes most of the time.

    Args:
        device: `cpu` or `cuda`; by default the GPU if there is one.

    Returns:
        One finding for each variant, in the precision that torch is set to.

    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = resolve(None, device, torch.float32)
    jobs = [(cell, variant, precision, device) for cell, variant in _variants()]
    if device == "cpu":
        return [_finding(*job) for job in jobs]
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(lambda job: _finding(*job), jobs))


def _variants() -> Iterator[tuple[Cell, str]]:
    for cell in cells().values():
        for variant in cell.variants:
            yield cell, variant


def _finding(cell: Cell, variant: str, precision: str, device: str) -> Finding:
    backend = choose("auto", cell, variant, device).backend
    try:
        given = _drawn(cell, variant)
        found = _run(cell, variant, _moved(given, device, torch.float32), "auto", precision)
        exact = _run(cell, variant, _moved(given, device, torch.float64), "reference", None)
        error = max(rms_ratio(one, other) for one, other in zip(found, exact, strict=True))
        return Finding(cell.name, variant, backend, precision, error)
    except Exception as raised:  # whatever it is, it is this path's answer
        said = str(raised).strip().splitlines() or [""]
        failure = f"{type(raised).__name__}: {said[-1]}"
        return Finding(cell.name, variant, backend, precision, float("inf"), failure)


def _drawn(cell: Cell, variant: str) -> dict[str, Tensor]:
    """Inputs in float64 on the CPU, the same on every machine."""
    form, generator = cell.variants[variant], torch.Generator().manual_seed(0)
    gates = form.gates[0]

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    given = {
        "x_proj": normal(STEPS, BATCH, gates * HIDDEN),
        "x": normal(STEPS, BATCH, INPUTS),
        "w_ih": normal(gates * HIDDEN, INPUTS) / INPUTS**0.5,
        "b_ih": normal(gates * HIDDEN),
        "w1": normal(gates, HIDDEN, RANK) / HIDDEN**0.5,
        "w2": normal(gates, RANK, HIDDEN) / RANK**0.5,
        "mask": (torch.rand(gates, HIDDEN, HIDDEN, generator=generator) < DENSITY).double(),
        "resets": torch.rand(STEPS, BATCH, generator=generator) < 0.2,
    }
    shapes = {"TB": (STEPS, BATCH), "H": (HIDDEN,)}
    for name, extra in form.extras.items():
        given[name] = normal(*shapes[extra.axes]).abs()
    for name in cell.states:
        given[f"state {name}"] = normal(BATCH, HIDDEN)
    return given


def _moved(given: dict[str, Tensor], device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: tensor.to(device) if tensor.dtype == torch.bool else tensor.to(device, dtype)
        for name, tensor in given.items()
    }


def _run(
    cell: Cell, variant: str, given: dict[str, Tensor], backend: str, precision: str | None
) -> list[Tensor]:
    """Outputs, final states and the gradients of all that may have one, of a scan and a layer."""
    fixed = ("mask", "resets")
    leaves = {name: t.requires_grad_() for name, t in given.items() if name not in fixed}
    extras = {name: leaves[name] for name in cell.variants[variant].extras}
    rest: dict[str, Any] = {
        "weight": (leaves["w1"], leaves["w2"]),
        "states": tuple(leaves[f"state {name}"] for name in cell.states),
        "mask": given["mask"],
        "resets": given["resets"],
        "variant": variant,
        "precision": precision,
        "backend": backend,
        **extras,
    }
    y, final = recurrent_scan(cell, leaves["x_proj"], **rest)
    of_layer = recurrent_layer(cell, leaves["x"], leaves["w_ih"], leaves["b_ih"], **rest)
    outputs = [y, *final, of_layer[0], *of_layer[1]]
    loss = torch.stack([(out * _weights(out)).sum() for out in outputs]).sum()
    grads = torch.autograd.grad(loss, list(leaves.values()))
    return [out.detach() for out in (*outputs, *grads)]


def _weights(like: Tensor) -> Tensor:
    """Fixed numbers around one, so that no two outputs count the same."""
    count = torch.arange(like.numel(), device=like.device, dtype=like.dtype)
    return 1 + torch.sin(count).view_as(like)


def rms_ratio(found: Tensor, exact: Tensor) -> float:
    """RMS of the error over RMS of the exact value; NaN where anything is."""
    error = (found.double() - exact).square().mean().sqrt()
    return float(error / exact.square().mean().sqrt().clamp_min(1e-300))
