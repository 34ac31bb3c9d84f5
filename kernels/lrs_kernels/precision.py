"""One knob for the precision of all matrix products of a scan, in the kernel and after it.

`ieee` multiplies in float32, `tf32` on tensor cores with 10 bits of mantissa, `tf32x3` in three
tf32 products (nearly float32), `bf16` with 7 bits; sums are always float32. State and gates stay in
the dtype of the inputs. On the CPU every product is made in the dtype of the inputs.
"""

from __future__ import annotations

import torch

PRECISIONS = ("ieee", "tf32", "tf32x3", "bf16")

_OF_TORCH = {"highest": "ieee", "high": "tf32", "medium": "bf16"}


def resolve(precision: str | None, device_type: str, dtype: torch.dtype) -> str:
    """The precision to use: the one asked for, else autocast's, else torch's own setting.

    Args:
        precision: one of `PRECISIONS`, or None.
        device_type: `cpu`, `cuda`, ...
        dtype: of the inputs; float64 is always `ieee`.

    Raises:
        ValueError: if `precision` is none of them.

    """
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if device_type == "cpu" or dtype == torch.float64:
        return "ieee"
    if precision is not None:
        return precision
    if torch.is_autocast_enabled(device_type):
        return "bf16"
    return _OF_TORCH[torch.get_float32_matmul_precision()]
