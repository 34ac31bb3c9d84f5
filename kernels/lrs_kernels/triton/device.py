"""What a GPU offers, and whether the kernels can run on it at all. Imports no Triton."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch

OLDEST = (8, 0)
"""Compute capability from which on tensor cores take bfloat16 and TF32."""


class Limits(NamedTuple):
    """What a plan is made from.

    Attributes:
        shared: bytes of shared memory that one block may use.
        multiprocessors: how many there are.

    """

    shared: int
    multiprocessors: int


H100 = Limits(shared=232_448, multiprocessors=132)
"""Also of an H200. Assumed where there is no GPU to ask: in the interpreter and offline."""


@lru_cache(maxsize=64)
def limits_of(device: torch.device) -> Limits:
    """The limits of a device; those of an H100 for anything that is no CUDA device."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return H100
    found: Any = torch.cuda.get_device_properties(device)
    return Limits(found.shared_memory_per_block_optin, found.multi_processor_count)


@lru_cache
def obstacle() -> str | None:
    """Why the GPUs of this machine cannot run the kernels, in half a sentence, or None."""
    if torch.version.hip is not None:
        return "the kernels are written for NVIDIA GPUs, and this PyTorch is for AMD's"
    if not torch.cuda.is_available():
        return None
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_capability(index)
        if found < OLDEST:
            name = torch.cuda.get_device_name(index)
            return (
                f"GPU {index} ({name}) has compute capability {found[0]}.{found[1]} and the "
                f"kernels need {OLDEST[0]}.{OLDEST[1]}; CUDA_VISIBLE_DEVICES can hide it"
            )
    return None
