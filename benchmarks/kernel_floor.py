"""Columns that only a GPU fills: memory of a call, and how near it comes to the sequential floor.

The floor is the model of `benchmarks.kernel_roofline`: what T dependent time steps must cost in
the provider's own precision, when the batch is spread over the multiprocessors. Projections of
inputs and gradients of weights are not part of it, so a share of 1 is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from benchmarks.kernel_cases import Case
from benchmarks.kernel_roofline import floor_us
from lrs_kernels.triton.config import SMALLEST_ENTRY, block_rows, padded
from lrs_kernels.triton.device import H100

PASSES = {"forward": ("forward",), "training": ("forward", "backward")}
PASSES["population"] = PASSES["training"]
_TORCH = "torch.nn."
_OURS = "ours triton "


def floor_ms(mode: str, cell: str, case: Case, precision: str) -> float:
    """Milliseconds below which no time can be, by the model.

    Args:
        mode: `forward`, or `training` and `population`, where the way back counts too.
        cell: `cfc`, `lstm`, `gru` or `rnn`.
        case: sizes.
        precision: of the products, as in `floor_us`.

    """
    rows = block_rows(case.batch, case.members)
    programs = -(-case.batch // rows) * case.members
    waves = -(-programs // H100.multiprocessors)
    hidden = max(padded(case.hidden), SMALLEST_ENTRY)
    step = sum(floor_us(cell, each, precision, hidden, 0, rows) for each in PASSES[mode])
    return case.steps * waves * step / 1e3


def cell_and_precision(cell: str, provider: str) -> tuple[str, str]:
    """What a provider computes, where it stands in the table of `cell`, by PyTorch's defaults.

    Without being asked cuDNN multiplies float32 in TF32, and a product of PyTorch does not.
    """
    name = provider.split(",")[0]
    if name.startswith(_OURS):
        return cell, name.removeprefix(_OURS)
    if name.startswith(_TORCH):
        return name.removeprefix(_TORCH).lower(), "tf32"
    return cell, "bf16" if name == "flashrnn" else "ieee"


def floor_share(mode: str, cell: str, case: Case, provider: str, median_ms: float) -> str:
    """Floor over median of a call on a GPU, 1 at best."""
    own_cell, precision = cell_and_precision(cell, provider)
    return f"{floor_ms(mode, own_cell, case, precision) / median_ms:.3f}"


def peak_memory_mb(calls: Mapping[str, Callable[[], object]], device: str) -> dict[str, str]:
    """Most memory of one call beyond what stood before it, 10^6 bytes; empty on a CPU.

    Weights and gradients stand before, those of other providers too. So do the buffers of a CUDA
    graph, whose call therefore seems to need none.
    """
    if device != "cuda":
        return dict.fromkeys(calls, "")
    found = {}
    for name, call in calls.items():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        found[name] = f"{(torch.cuda.max_memory_allocated() - before) / 1e6:.3f}"
    return found
