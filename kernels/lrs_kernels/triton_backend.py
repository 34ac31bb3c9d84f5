"""Hands scans to the Triton kernels."""

from __future__ import annotations

from lrs_kernels.part_grads import part_grads
from lrs_kernels.passes import Inputs, Recurrence
from lrs_kernels.triton.launch import backward, forward

__all__ = ["STORES_BFLOAT16", "backward", "forward", "part_grads", "takes_input"]

STORES_BFLOAT16 = True


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """No: these want it projected."""
    return False
