"""An H100 that is not there: Triton specialises, compiles and launches for it, and nothing runs.

What the interpreter and the offline compiler both pass by is the way of a launch itself: how Triton
reads the arguments, what it knows a kernel by, which grid it is given. Run as a program, this one
scans with CPU tensors and prints every launch.
"""

from __future__ import annotations

from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from lrs_kernels import find_cell
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import launch

P, T, B, R = 2, 3, 5, 4


class Utils:
    """What Triton asks of the driver when it loads a kernel."""

    def load_binary(self, *_: Any) -> tuple[int, ...]:
        return 1, 1, 128, 0, 1024  # module, function, registers, spills, threads

    def get_device_properties(self, _: int) -> dict[str, int]:
        return {"max_shared_mem": 232_448, "multiprocessor_count": 132, "warpSize": 32}


class Launcher:
    """Prints the kernel's name and grid in place of a launch."""

    def __init__(self, source: Any, _: Any) -> None:
        self.name = source.fn.__name__

    def __call__(self, *arguments: Any) -> None:
        print(self.name, *arguments[:3])


class Driver:
    """The part of a driver that launches go through."""

    utils, launcher_cls = Utils(), Launcher

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, _: int | None = None) -> int:
        return 0


def scan(recurrence: Recurrence, gates: int, hidden: int) -> None:
    """A masked low-rank population, forward and backward."""
    weights = Recurrent(
        None, torch.randn(P, gates, hidden, R), torch.randn(P, gates, R, hidden),
        torch.ones(P, gates, hidden, hidden),
    )  # fmt: skip
    x_proj = torch.randn(P, T, B, gates * hidden)
    inputs = Inputs.of(x_proj, weights, torch.zeros(P, B, hidden))
    trace = launch.forward(recurrence, inputs)
    launch.backward(recurrence, inputs, trace, Upstream(torch.randn(P, T, B, hidden)))


if __name__ == "__main__":
    driver.set_active(Driver())
    for _ in range(2):  # the second time from Triton's cache
        scan(Recurrence(find_cell("cfc"), "no_gate", "ieee"), 4, 20)
    scan(Recurrence(find_cell("rnn"), "tanh", "bf16"), 1, 512)
