"""Hands scans to the Triton kernels."""

from __future__ import annotations

from lrs_kernels.part_grads import in_two_steps
from lrs_kernels.passes import InputGrads, Inputs, Recurrence, Trace, Upstream, Wanted
from lrs_kernels.triton.launch import backward, forward

__all__ = ["STORES_BFLOAT16", "backward", "forward", "gradients", "takes_input"]

STORES_BFLOAT16 = True


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """No: these want it projected."""
    return False


def gradients(
    recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream, wanted: Wanted
) -> InputGrads:
    """Walk back, then multiply; see `passes.Backend`."""
    return in_two_steps(backward, recurrence, inputs, trace, upstream, wanted)
