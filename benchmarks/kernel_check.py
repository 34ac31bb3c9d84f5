"""Before anything is timed: ours against the reference loop, outputs and all gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.kernel_cases import DENSITY, RANK, SCANS
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

    hidden = 40
    leaves = [
        tensor.requires_grad_()
        for tensor in (
            random(24, 7, gates * hidden),
            random(gates, hidden, RANK) / hidden**0.5,
            random(gates, RANK, hidden) / RANK**0.5,
        )
    ]
    mask = (random(gates, hidden, hidden).sigmoid() < DENSITY).to(dtype)
    resets = random(24, 7) > 1.2
    x_proj, w1, w2 = leaves
    y = scan(x_proj, (w1, w2), mask=mask, resets=resets, backend=backend, precision=precision)[0]
    grads = torch.autograd.grad((y * random(*y.shape)).sum(), leaves)
    return [y.detach(), *grads]
