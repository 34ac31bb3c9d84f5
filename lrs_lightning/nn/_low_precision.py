"""Modules in bfloat16 or float16: products in the low type, the state over time in float32.

A sum over a thousand steps needs more digits than either type has. Autocast is another matter:
there the parameters are float32 already, and the scans lift what it lowered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LOW = (torch.bfloat16, torch.float16)


def run_scan(scan: Callable[..., Any], x_proj: Tensor, *tensors: Any, **options: Any) -> Any:
    """Call a scan; where `x_proj` is of a low type, in float32 and back.

    Args:
        scan: one of `lrs_kernels`.
        x_proj: its first argument.
        *tensors: its further ones, tensors or tuples of tensors.
        **options: its options, tensors among them.
    """
    if x_proj.dtype not in LOW or torch.is_autocast_enabled(x_proj.device.type):
        return scan(x_proj, *tensors, **options)
    low = x_proj.dtype
    lifted = {name: _to(value, LOW, torch.float32) for name, value in options.items()}
    results = scan(*(_to(value, LOW, torch.float32) for value in (x_proj, *tensors)), **lifted)
    return _to(results, (torch.float32,), low)


def _to(value: Any, types: tuple[torch.dtype, ...], wanted: torch.dtype) -> Any:
    if isinstance(value, tuple):
        return tuple(_to(part, types, wanted) for part in value)
    return value.to(wanted) if isinstance(value, Tensor) and value.dtype in types else value
