"""Before anything is timed: ours against the reference loop, outputs and all gradients.

Scans that are given the projection, and layers that make it themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.kernel_cases import DENSITY, RANK, SCANS
from lrs_kernels import recurrent_layer
from lrs_kernels.self_test import rms_ratio

_TOLERANCE = {"ieee": 2e-5, "tf32x3": 2e-5, "tf32": 5e-3, "bf16": 2e-2}
"""Relative root mean square error that each precision may have in float32."""


def agrees(cell: str, backend: str, precision: str | None, device: str) -> bool:
    """Whether outputs and gradients equal the reference loop's in float64."""
    allowed = _TOLERANCE[precision or "ieee"]
    exact = _run(cell, "reference", None, device, torch.float64)
    lowered = _run(cell, backend, precision, device, torch.float32)
    errors = [rms_ratio(one, other) for one, other in zip(lowered, exact, strict=True)]
    if backend != "triton":
        double = _run(cell, backend, precision, device, torch.float64)
        allowed_double = 1e-10
        if max(map(rms_ratio, double, exact)) > allowed_double:
            return False
    return max(errors) <= allowed


def _run(
    cell: str, backend: str, precision: str | None, device: str, dtype: torch.dtype
) -> list[Tensor]:
    scan, gates = SCANS[cell]
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        drawn = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return drawn.to(device, dtype)

    hidden, inputs = 40, 24
    leaves = [
        tensor.requires_grad_()
        for tensor in (
            random(24, 7, gates * hidden),
            random(24, 7, inputs),
            random(gates * hidden, inputs) / inputs**0.5,
            random(gates * hidden),
            random(gates, hidden, RANK) / hidden**0.5,
            random(gates, RANK, hidden) / RANK**0.5,
        )
    ]
    x_proj, x, weight_ih, bias, *factors = leaves
    mask = (random(gates, hidden, hidden).sigmoid() < DENSITY).to(dtype)
    options: dict[str, Any] = {"mask": mask, "resets": random(24, 7) > 1.2, "backend": backend}
    weight = (factors[0], factors[1])
    outputs = [
        scan(x_proj, weight, precision=precision, **options)[0],
        recurrent_layer(cell, x, weight_ih, bias, weight, precision=precision, **options)[0],
    ]
    loss = torch.stack([(y * random(*y.shape)).sum() for y in outputs]).sum()
    return [*(y.detach() for y in outputs), *torch.autograd.grad(loss, leaves)]
