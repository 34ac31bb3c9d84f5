"""One knob for the precision of all matrix products of a scan, in the kernel and after it.

`ieee` multiplies in float32, `tf32` on tensor cores with 10 bits of mantissa, `tf32x3` in three
tf32 products (nearly float32), `bf16` with 7 bits; sums are always float32. The weight gradients,
big products after the loop, take the nearest that cuBLAS has and is no less exact. State and gates
are stored in the dtype of the inputs. On the CPU every product is made in the dtype of the inputs,
or in float32 where that is lower (`low_precision.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

PRECISIONS = ("ieee", "tf32", "tf32x3", "bf16")

AS_TORCH = "as torch"
_AS_IT_IS = nullcontext()
_OF_TORCH = {"highest": "ieee", "high": "tf32", "medium": "bf16"}


def resolve(precision: str | None, device_type: str, dtype: torch.dtype) -> str:
    """The precision to use: the one asked for, else bfloat16's own, autocast's, or torch's setting.

    Args:
        precision: one of `PRECISIONS`, or None.
        device_type: `cpu`, `cuda`, ...
        dtype: of the inputs; float64 is always `ieee`, and bfloat16 `bf16` unless asked otherwise.

    Raises:
        ValueError: if `precision` is none of them.

    """
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if device_type in ("cpu", "meta") or dtype == torch.float64:
        return "ieee"
    if precision is not None:
        return precision
    if dtype == torch.bfloat16 or torch.is_autocast_enabled(device_type):
        return "bf16"
    # A compiler cannot look at the setting; the operator does when it runs.
    return AS_TORCH if torch.compiler.is_compiling() else settled(AS_TORCH)


def device_type(tensor: Tensor) -> str:
    """Where a tensor is: `cpu`, `cuda`, ..."""
    # Asking a device for its type makes a string, which takes as long as six other questions.
    return "cpu" if tensor.is_cpu else tensor.device.type


def lowered(device_type: str) -> bool:
    """Whether autocast is at work on a device; it knows no meta device."""
    return device_type != "meta" and torch.is_autocast_enabled(device_type)


def undisturbed(device_type: str) -> AbstractContextManager[None]:
    """Let the passes multiply what they are given, under autocast too.

    They choose the precision of their products themselves, and write many of them into memory that
    is there already, which autocast does not expect.
    """
    if not lowered(device_type):
        return _AS_IT_IS
    return torch.autocast(device_type, enabled=False)


def settled(precision: str) -> str:
    """The precision itself, or what torch is set to in the place of `AS_TORCH`."""
    if precision != AS_TORCH:
        return precision
    try:
        return _OF_TORCH[torch.get_float32_matmul_precision()]
    except RuntimeError:  # the user has set it through the newer interface, which tells the device
        setting = torch.backends.cuda.matmul.fp32_precision
        return "tf32" if setting == "tf32" else "ieee"


_SETTING = {"ieee": "ieee", "tf32x3": "ieee", "tf32": "tf32", "bf16": "tf32"}
"""cuBLAS has no product in three parts, and its tf32 serves bf16 with room to spare."""


def products(precision: str, device_type: str) -> AbstractContextManager[None]:
    """Let cuBLAS multiply as the kernels did, for the GEMMs that follow them.

    Args:
        precision: one of `PRECISIONS`.
        device_type: nothing is changed unless this is `cuda`.

    """
    if device_type != "cuda":
        return _AS_IT_IS
    wanted = _SETTING[precision]
    # Asking is cheap, setting is not.
    if torch.backends.cuda.matmul.fp32_precision == wanted:
        return _AS_IT_IS
    return _cublas_set_to(wanted)


@contextmanager
def _cublas_set_to(wanted: str) -> Iterator[None]:
    settings = torch.backends.cuda.matmul
    before = settings.fp32_precision
    settings.fp32_precision = wanted
    try:
        yield
    finally:
        settings.fp32_precision = before
