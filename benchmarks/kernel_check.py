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

_TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}
"""Relative root mean square error that is allowed."""


def agrees(cell: str, backend: str) -> bool:
    """Whether outputs and gradients equal the reference loop's in float64."""
    exact = _run(cell, "reference", torch.float64)
    return all(
        max(map(rms_ratio, _run(cell, backend, dtype), exact)) <= allowed
        for dtype, allowed in _TOLERANCE.items()
    )


def _run(cell: str, backend: str, dtype: torch.dtype) -> list[Tensor]:
    scan, gates = SCANS[cell]
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        drawn = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return drawn.to(dtype)

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
        scan(x_proj, weight, **options)[0],
        recurrent_layer(cell, x, weight_ih, bias, weight, **options)[0],
    ]
    loss = torch.stack([(y * random(*y.shape)).sum() for y in outputs]).sum()
    return [*(y.detach() for y in outputs), *torch.autograd.grad(loss, leaves)]
