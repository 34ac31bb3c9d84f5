"""The recurrences on the CPU in compiled C: one call, threads over rows and members."""

from __future__ import annotations

from lrs_kernels.native.build import load_library
from lrs_kernels.native.scan import forward, gradients, takes_input

__all__ = ["forward", "gradients", "load_library", "takes_input"]
