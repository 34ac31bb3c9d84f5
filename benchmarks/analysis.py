"""How long the dynamics along trajectories take: Jacobians, radii, Lyapunov spectrum, memory.

`python -m benchmarks analysis [--smoke] [--episodes 30] [--steps 1000] [--policies 1] ...`

Layers as they start out (rank 8, sparsity 0.5) on random features: the work does not depend on the
weights. Of every tenth step the radius and norm of the Jacobian, all Lyapunov exponents with a QR
decomposition at every step, and the memory of state and action over 40 lags; in float64.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, write_csv
from lrs_lightning.analysis.dynamics import DynamicsOptions, dynamics
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC
from lrs_lightning.options.call import call

CELLS = {"cfc": LRSCfC, "lstm": LRSLSTM, "gru": LRSGRU, "rnn": LRSRNN}
FEATURES, UNITS, ACTIONS = 128, 64, 6


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks analysis", arguments)


def run(
    *,
    smoke: bool = False,
    cells: Sequence[Literal["cfc", "lstm", "gru", "rnn"]] = ("cfc", "lstm"),
    episodes: PositiveInt = 30,
    steps: PositiveInt = 1000,
    policies: PositiveInt = 1,
    threads: PositiveInt = 2,
) -> None:
    """Measure how long the dynamics along trajectories take, and the memory that they need.

    Writes `results/analysis.csv`, or `results/analysis_population.csv` of several policies.

    Args:
        smoke: tiny sizes, all cells; writes nothing
        cells: whose dynamics are measured
        episodes: trajectories
        steps: steps of each
        policies: analysed one after the other
        threads: groups of episodes at once
    """
    if smoke:
        episodes, steps, cells = 2, 100, ("cfc", "lstm", "gru", "rnn")
    rows = [measure(cell, episodes, steps, policies, threads) for cell in cells]
    print(table(rows))
    if not smoke:
        name = "analysis.csv" if policies == 1 else "analysis_population.csv"
        write_csv(RESULTS / name, rows)


def measure(cell: str, episodes: int, steps: int, policies: int, threads: int) -> dict[str, Any]:
    """Wall and CPU seconds of one cell, and the most memory the process has held so far.

    Of several policies also those of the first one, so that what the others add is seen.
    """
    torch.manual_seed(0)
    features = torch.randn(steps, episodes, FEATURES)
    head = torch.randn(ACTIONS, UNITS)
    wall, cpu = time.perf_counter(), time.process_time()
    first: dict[str, Any] = {}
    for policy in range(policies):
        layer = CELLS[cell](FEATURES, UNITS, rank=8, sparsity=0.5, mask_seed=policy)
        recurrence = Recurrence.of(layer)
        replay = recurrence.replay(features)
        dynamics(recurrence, replay, None, head, DynamicsOptions(threads=threads))
        if not policy:
            seconds = round(time.process_time() - cpu, 2)
            first = {"first_cpu_seconds": seconds, "first_peak_mb": _peak()}
    return {
        "cell": cell,
        "policies": policies,
        "episodes": episodes,
        "steps": steps,
        "hidden_size": UNITS,
        "threads": threads,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mb": _peak(),
        **first,
    }


def _peak() -> int:
    """The most memory that the process has held so far, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)
