"""How long the dynamics along trajectories take: Jacobians, radii, Lyapunov spectrum, memory.

`python -m benchmarks analysis [--smoke] [--episodes 30] [--steps 1000] [--policies 1] ...`

Layers as they start out (rank 8, sparsity 0.5) on random features: the work does not depend on the
weights. Of every tenth step the radius and norm of the Jacobian, all Lyapunov exponents with a QR
decomposition at every step, and the memory of state and action over 40 lags; in float64.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks._provenance import RESULTS, write_csv
from lrs_lightning.analysis.dynamics import DynamicsOptions, dynamics
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

CELLS = {"cfc": LRSCfC, "lstm": LRSLSTM, "gru": LRSGRU, "rnn": LRSRNN}
FEATURES, UNITS, ACTIONS = 128, 64, 6


def main(arguments: list[str]) -> None:
    """Measure, print the table, and write `results/analysis.csv`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks analysis", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes; writes nothing")
    parser.add_argument("--cells", nargs="+", default=["cfc", "lstm"], choices=list(CELLS))
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--policies", type=int, default=1, help="analysed one after the other")
    parser.add_argument("--threads", type=int, default=2, help="groups of episodes at once")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.episodes, options.steps, options.cells = 2, 100, list(CELLS)
    rows = [measure(cell, options) for cell in options.cells]
    print(table(rows))
    if not options.smoke:
        write_csv(RESULTS / "analysis.csv", rows)


def measure(cell: str, options: argparse.Namespace) -> dict[str, Any]:
    """Wall and CPU seconds of one cell, and the most memory the process has held so far."""
    torch.manual_seed(0)
    features = torch.randn(options.steps, options.episodes, FEATURES)
    head = torch.randn(ACTIONS, UNITS)
    wall, cpu = time.perf_counter(), time.process_time()
    for policy in range(options.policies):
        layer = CELLS[cell](FEATURES, UNITS, rank=8, sparsity=0.5, mask_seed=policy)
        recurrence = Recurrence.of(layer)
        replay = recurrence.replay(features)
        dynamics(recurrence, replay, None, head, DynamicsOptions(threads=options.threads))
    return {
        "cell": cell,
        "policies": options.policies,
        "episodes": options.episodes,
        "steps": options.steps,
        "hidden_size": UNITS,
        "threads": options.threads,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)
