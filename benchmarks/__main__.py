"""`python -m benchmarks SECTION [options]`: run one section of the measurements.

A section is a module with `main(arguments: list[str]) -> None`; add yours to `SECTIONS`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from lrs_lightning.errors import LrsError, UnknownNameError
from lrs_lightning.options.menu import HELP, menu

# section -> (module, one line for --help)
SECTIONS: dict[str, tuple[str, str]] = {
    "analysis": ("analysis", "dynamics along trajectories: Jacobians, spectra, memory"),
    "atari": ("atari", "pixels: closed loop, training against ncps, the frame store"),
    "breakout-bc": ("breakout_bc", "behaviour cloning of Breakout on public demonstrations"),
    "dagger": ("dagger", "what rounds of DAgger earn over a schedule of noise"),
    "evaluation": ("evaluation", "the `paper` suite from the command to the report"),
    "gpu": ("gpu.command", "a lent GPU in minutes: smoke, tests, checkers, timings"),
    "imports": ("imports", "seconds and memory of importing a million steps, by format"),
    "kernel-launch": ("kernel_launch", "what Python does around a launch, without a GPU"),
    "kernels": ("kernels", "scans on a CPU beside their peers; kernels compiled"),
    "layer-forms": ("layer_forms", "lengths beside padding, vmap beside the population axis"),
    "layer-runs": ("layer_runs", "one case of `layers` in many processes, with its interval"),
    "layers": ("layers", "a training update of each layer, and the price of the prior"),
    "native-limits": ("native_limits", "products of a layer in C and in PyTorch's library"),
    "population": ("population", "an update of many policies side by side, and of single ones"),
    "population-rollout": ("population_rollout", "the closed loop of many policies at once"),
    "results": ("big_results", "a million rows read and merged, the report of twenty methods"),
    "rollout": ("rollout", "steps of control a second: our engine and others"),
    "spectrum": ("spectrum", "the share of a training that SpectrumMonitor takes"),
    "step": ("step", "one decision of a whole policy for one robot: PyTorch, onnxruntime, NumPy"),
    "training": ("training", "what `fit` earns in closed loop, and how long it takes"),
}


if importlib.util.find_spec("lrs_kernels") is None:  # a bare copy of the tree, not installed
    sys.path.append(str(Path(__file__).resolve().parents[1] / "kernels"))


def main(arguments: Sequence[str]) -> int:
    """Hand the remaining arguments to the section that comes first; returns the exit code."""
    if not arguments or arguments[0] in HELP:
        print(usage())
        return 0
    name, *words = arguments
    try:
        if name not in SECTIONS:
            raise UnknownNameError("section", name, SECTIONS)
        importlib.import_module(f"benchmarks.{SECTIONS[name][0]}").main(words)
    except LrsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def usage() -> str:
    """The page that `--help` prints."""
    return menu(
        "python -m benchmarks SECTION [options]",
        "Measurements; results go to benchmarks/results/, with machine, versions and commit.",
        "sections",
        {section: text for section, (_, text) in SECTIONS.items()},
        "`SECTION --help` explains one; `SECTION --smoke` runs it in small.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
