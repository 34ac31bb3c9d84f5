"""The recurrences on the CPU in compiled C: one call, threads over rows and members."""

from __future__ import annotations

from lrs_kernels.native.build import load_library
from lrs_kernels.native.scan import backward, forward, part_grads, takes_input

__all__ = ["backward", "forward", "load_library", "part_grads", "takes_input"]
