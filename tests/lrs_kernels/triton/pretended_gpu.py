"""Run as a program: scans with CPU tensors on a GPU that is only pretended, and prints launches."""

from __future__ import annotations

import math
from typing import Any

import torch

from benchmarks.pretended_gpu import Launcher, pretend
from lrs_kernels import find_cell
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import launch, start

P, T, B, R = 2, 3, 5, 4


class Printing(Launcher):
    """Prints the kernel's name and grid in place of a launch."""

    def __call__(self, *arguments: Any) -> None:
        print(self.name, *arguments[:3])


def scan(recurrence: Recurrence, gates: int, hidden: int, apart: int = 0) -> None:
    """A masked low-rank population, forward and backward; inputs `apart` from an aligned place."""
    weights = Recurrent(
        None, torch.randn(P, gates, hidden, R), torch.randn(P, gates, R, hidden),
        torch.ones(P, gates, hidden, hidden),
    )  # fmt: skip
    shape = (P, T, B, gates * hidden)
    x_proj = torch.randn(math.prod(shape) + apart)[apart:].view(shape)
    inputs = Inputs.of(x_proj, weights, torch.zeros(P, B, hidden))
    trace = launch.forward(recurrence, inputs)
    dy = torch.randn(P * T * B * hidden + apart)[apart:].view(P, T, B, hidden)
    launch.backward(recurrence, inputs, trace, Upstream(dy))


def looked_up() -> int:
    """How many kernels are remembered."""
    return len(start._compiled)


if __name__ == "__main__":
    pretend(Printing)
    no_gate = Recurrence(find_cell("cfc"), "no_gate", "ieee")
    for _ in range(2):  # the second time without asking Triton
        scan(no_gate, 4, 20)
    assert looked_up() == 2
    scan(no_gate, 4, 20, apart=1)  # tensors that 16 bytes do not divide are another kernel
    assert looked_up() == 4
    scan(Recurrence(find_cell("rnn"), "tanh", "bf16"), 1, 512)
