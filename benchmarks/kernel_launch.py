"""`python -m benchmarks kernel-launch`: what Python does around a launch of the Triton kernels.

No GPU is needed: launches go through Triton to a driver that launches nothing, with tensors on the
CPU, so what is left is Python and PyTorch. Time is that of the process, which others do not disturb
by more than caches; the smallest of the rounds counts. Kernels must not be interpreted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, write_csv
from benchmarks.gpu.scan_cases import Scan, ScanCase
from lrs_kernels.ops.function import PlainScan, Setting
from lrs_kernels.passes import Inputs
from lrs_lightning.options.call import call

BATCH, STEPS, HIDDEN = 4, 4, 16
"""So small that the products after the kernels, which a CPU makes here, hardly count."""


@dataclass(frozen=True)
class Options:
    """Time Python around launches of the Triton kernels, without a GPU."""

    rounds: PositiveInt = 15
    """of which the smallest counts"""
    calls: PositiveInt = 300
    """of a round"""
    out: Path = RESULTS / "kernel_launch.csv"
    """the table"""


def main(arguments: list[str]) -> None:
    """Measure and write the table."""
    options = call(Options, "python -m benchmarks kernel-launch", arguments)
    if not isinstance(options, Options):
        return
    from benchmarks.pretended_gpu import pretend
    from lrs_kernels.triton.choice import INTERPRETED

    if INTERPRETED:
        raise SystemExit("kernels are interpreted here: start Python with TRITON_INTERPRET=0")
    pretend()
    rows: list[dict[str, object]] = []
    for cell, (what, made) in product(("cfc", "lstm", "gru", "rnn"), CALLS.items()):
        least = microseconds(made(cell), options)
        rows.append({"cell": cell, "call": what, "us": f"{least:.1f}", "calls": options.calls})
        print(f"{cell:5} {what:20} {least:7.1f} us", flush=True)
    write_csv(options.out, rows)


def microseconds(run: Callable[[], object], options: Options) -> float:
    """The process time of a call, the smallest of all rounds; the first calls compile."""
    for _ in range(20):
        run()
    found = []
    for _ in range(options.rounds):
        began = time.process_time()
        for _ in range(options.calls):
            run()
        found.append((time.process_time() - began) / options.calls)
    return 1e6 * min(found)


def forward_launch(cell: str) -> Callable[[], object]:
    """The kernel of the forward pass, without autograd."""
    return _scan(cell, "forward").call("forward")


def backward_launch(cell: str) -> Callable[[], object]:
    """That of the backward pass."""
    return _scan(cell, "backward").call("backward")


def training(cell: str) -> Callable[[], object]:
    """Both as a node of autograd, with the products after them."""
    from lrs_kernels import triton_backend

    scan = _scan(cell, "forward")
    setting = Setting(scan.recurrence, triton_backend)
    given = Inputs(*(None if part is None else part[0] for part in scan.inputs))  # type: ignore[arg-type]
    leaves = [given.x_proj, given.w1, given.w2]
    for leaf in leaves:
        leaf.requires_grad_()  # type: ignore[union-attr]

    def step() -> None:
        y, *_ = PlainScan.apply(setting, *given)  # type: ignore[no-untyped-call]
        torch.autograd.grad(y, leaves, scan.dy[0])  # type: ignore[arg-type]

    return step


CALLS = {"forward": forward_launch, "backward": backward_launch, "training of a scan": training}


def _scan(cell: str, direction: str) -> Scan:
    return Scan(ScanCase(cell, direction, "bf16", HIDDEN, BATCH, STEPS), "cpu")
