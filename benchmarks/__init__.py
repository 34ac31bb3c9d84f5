"""Measurements: `python -m benchmarks SECTION [--smoke]`."""
