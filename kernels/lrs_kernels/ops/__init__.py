"""Scans as differentiable operators."""

from lrs_kernels.ops.run import ScanOutput, run

__all__ = ["ScanOutput", "run"]
