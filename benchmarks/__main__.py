"""`python -m benchmarks kernels|layers|rollout|training [--smoke] ...`: run one section.

A section is a module with `main(arguments: list[str]) -> None`; add yours to `SECTIONS`.
"""

from __future__ import annotations

import importlib
import sys

SECTIONS = {
    "atari": "benchmarks.atari",
    "breakout-bc": "benchmarks.breakout_bc",
    "evaluation": "benchmarks.evaluation",
    "kernels": "benchmarks.kernels",
    "layers": "benchmarks.layers",
    "rollout": "benchmarks.rollout",
    "training": "benchmarks.training",
}


def main(arguments: list[str]) -> None:
    """Hand the remaining arguments to the section that comes first."""
    if not arguments or arguments[0] not in SECTIONS:
        asked = f"unknown section {arguments[0]!r}; " if arguments else ""
        sys.exit(f"{asked}usage: python -m benchmarks {'|'.join(SECTIONS)} [--smoke]")
    importlib.import_module(SECTIONS[arguments[0]]).main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
