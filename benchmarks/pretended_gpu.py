"""An H100 that is not there: Triton specialises, compiles and launches for it, and nothing runs.

What the interpreter and the offline compiler both pass by is the way of a launch itself: how Triton
reads the arguments, what it knows a kernel by, which grid it is given, and how long all that takes.
"""

from __future__ import annotations

from typing import Any

from triton.backends.compiler import GPUTarget
from triton.runtime import driver


class Utils:
    """What Triton asks of the driver when it loads a kernel."""

    def load_binary(self, *_: Any) -> tuple[int, ...]:
        """Module, function, registers, spills and threads."""
        return 1, 1, 128, 0, 1024

    def get_device_properties(self, _: int) -> dict[str, int]:
        """Those of an H100."""
        return {"max_shared_mem": 232_448, "multiprocessor_count": 132, "warpSize": 32}


class Launcher:
    """Launches nothing."""

    def __init__(self, source: Any, _: Any) -> None:
        self.name: str = source.fn.__name__

    def __call__(self, *arguments: Any) -> None:
        """Grid, stream, kernel, hooks and the arguments of the kernel."""


class Driver:
    """The part of a driver that launches go through."""

    utils = Utils()

    def __init__(self, launcher: type[Launcher]) -> None:
        self.launcher_cls = launcher

    def get_current_target(self) -> GPUTarget:
        """Compute capability 9.0."""
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        """The only one."""
        return 0

    def get_current_stream(self, _: int | None = None) -> int:
        """The only one."""
        return 0


def pretend(launcher: type[Launcher] = Launcher) -> None:
    """Let this process believe in the GPU; its kernels must not be interpreted."""
    driver.set_active(Driver(launcher))
