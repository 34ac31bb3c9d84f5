"""Stage `layers`: a whole layer beside its peers, on the device alone and as a user's loop sees it.

A layer is the input projection, the scan and, in training, all gradients: what `nn.LSTM` does in
cuDNN. Ours carries rank 8 and a mask of density 0.5; the peers are dense.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from benchmarks.gpu.journal import Journal
from benchmarks.gpu.stage import Job, each_in_time, job
from benchmarks.gpu.timing import by_clock, on_device
from benchmarks.kernel_cases import PEERS, Case, Layer

LOOP_STEPS = 64
"""The loop in a graph is timed at so many steps: capturing thousands of launches takes seconds."""


@dataclass(frozen=True)
class LayerCase:
    """One provider at one size."""

    cell: str
    provider: str
    case: Case

    @property
    def key(self) -> str:
        """Short and unique."""
        return f"{self.cell} {self.provider} {self.case.name}"


def cases(rehearsed: bool) -> Iterator[LayerCase]:
    """What is timed, the most telling first."""
    if rehearsed:
        for provider in ("ours bf16", "ours bf16 module", "cuDNN float32", "loop"):
            yield LayerCase("cfc", provider, Case(3, 2, 4, 16))
        return
    providers = ("ours bf16 module", "cuDNN bf16", "ours bf16", "ours tf32", "cuDNN float32")
    for batch, hidden, cell, provider in product(
        (32, 256, 1024), (64, 128), ("cfc", "lstm"), providers
    ):
        yield LayerCase(cell, provider, Case(batch, 256, 128, hidden))
    for cell, provider in product(("gru", "rnn"), providers):
        yield LayerCase(cell, provider, Case(32, 256, 128, 64))
    small = ("ours ieee", *providers, "loop", "ncps")
    for cell, provider in product(("cfc", "lstm"), small):
        yield LayerCase(cell, provider, Case(32, LOOP_STEPS, 128, 64))
    for cell, provider in product(("cfc", "lstm"), providers):
        yield LayerCase(cell, provider, Case(32, 256, 128, 256))


def main(arguments: list[str]) -> None:
    """Time every provider alone, in turn."""
    task = job(arguments, "benchmarks.gpu.layers")
    journal = Journal(task.out / "layers.jsonl")
    left = [case for case in cases(task.rehearse) if case.key not in journal.done()]
    for case in each_in_time(left, task):
        layer = made(case, task)
        if layer is not None:
            journal.add(case.key, measured(case, layer, task))


def made(case: LayerCase, task: Job) -> nn.Module | None:
    """The provider's module, None where it is not installed or has no such cell."""
    torch.manual_seed(0)
    sizes, (kind, _, precision) = case.case, case.provider.partition(" ")
    module: nn.Module
    if kind == "ours":
        precision, _, stored = precision.partition(" ")
        module = Layer(case.cell, sizes, "triton", precision)
        if stored:  # parameters, inputs and all that is kept in bfloat16, as cuDNN's
            module = module.to(torch.bfloat16)
    elif kind == "loop":
        module = Layer(case.cell, sizes, "reference")
    elif kind == "cuDNN":
        module = PEERS.get(case.cell, nn.LSTM)(sizes.inputs, sizes.hidden)
        module = module.to(torch.bfloat16 if precision == "bf16" else torch.float32)
    elif case.cell != "cfc" or importlib.util.find_spec("ncps") is None:
        return None
    else:
        from ncps.torch import CfC

        module = CfC(sizes.inputs, sizes.hidden, backbone_layers=0, batch_first=False)
    module = module.to(task.device)
    if isinstance(module, nn.RNNBase):
        module.flatten_parameters()  # another dtype took its weights apart
    return module


def measured(case: LayerCase, module: nn.Module, task: Job) -> dict[str, object]:
    """One row: forward and training on the device, and training by the clock."""
    sizes = case.case
    parameters = list(module.parameters())
    x = torch.randn(
        sizes.steps, sizes.batch, sizes.inputs, device=task.device, dtype=parameters[0].dtype
    )
    x.requires_grad_()
    train = _training(module, x, [x, *parameters])

    def forward() -> None:
        with torch.no_grad():
            _output(module, x)

    row = {
        "cell": case.cell, "provider": case.provider, "case": sizes.name, "steps": sizes.steps,
        **on_device(forward).row("forward_"), **on_device(train).row("training_"),
        **by_clock(train, rounds=10).row("clock_"),
    }  # fmt: skip
    times = [row[f"{name}_median_us"] for name in ("forward", "training", "clock")]
    print(f"{case.key}: forward, training, by the clock {times} us", flush=True)
    return row


def _training(module: nn.Module, x: Tensor, leaves: list[Tensor]) -> Callable[[], object]:
    y = _output(module, x)
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(_output(module, x), leaves, dy)


def _output(module: nn.Module, x: Tensor) -> Tensor:
    found = module(x)
    return found[0] if isinstance(found, tuple) else found


if __name__ == "__main__":
    main(sys.argv[1:])
