"""What it costs to watch the recurrent matrices while they are trained.

`python -m benchmarks spectrum [--seeds 0 1 2] [--smoke] ...`

Each run is `fit` with its defaults. The seconds of `SpectrumMonitor` and those of the whole loop of
training (updates, validation and the short evaluations between them, not what is played at the end)
are taken inside the same run, so that a busy machine slows both alike. Results:
`results/spectrum.csv`, a line for each seed and cell.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from unittest.mock import patch

from jsonargparse.typing import NonNegativeInt

from benchmarks._provenance import RESULTS, write_csv
from lrs_lightning.cli import main as lrs_lightning
from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call

SMOKE = ["--trainer.max_steps=8", "--data.batches=4"]
# What is played after training has no part in the loop that is timed.
ALWAYS = ["--quiet", "--evaluation.suite=smoke", "--evaluation.episodes=1"]


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks spectrum", arguments)


def run(
    *,
    cells: Sequence[Literal["CfC", "LSTM", "GRU", "RNN"]] = ("CfC", "LSTM"),
    seeds: Sequence[NonNegativeInt] = (0, 1, 2),
    smoke: bool = False,
) -> None:
    """Measure the share of a training that `SpectrumMonitor` takes.

    Writes `results/spectrum.csv`.

    Args:
        cells: of the policies
        seeds: of the trainings
        smoke: a few updates of one policy; writes nothing
    """
    if smoke:
        cells, seeds = ("CfC",), (0,)
    rows = []
    for cell in cells:
        for seed in seeds:
            rows.append(measure(cell, seed, SMOKE if smoke else ()))
            print(rows[-1], flush=True)
            if not smoke:
                write_csv(RESULTS / "spectrum.csv", rows)
    print(f"at most {max(row['share'] for row in rows):.2%} of the training")


def measure(cell: str, seed: int, extra: Sequence[str] = ()) -> dict[str, Any]:
    """One `fit`: wall and CPU seconds of the monitor and of the loop that it watches."""
    # Both are heavy; what only names its options need not load them.
    from lrs_lightning.training.callbacks.spectrum import SpectrumMonitor
    from lrs_lightning.training.fit_loop import FitLoop

    monitor, look, loop = Clock(), Clock(), Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        timed(SpectrumMonitor, "on_train_start", monitor),
        timed(SpectrumMonitor, "on_train_epoch_end", monitor),
        timed(SpectrumMonitor, "_look", look),
        timed(FitLoop, "run", loop),
    ):
        words = [
            "fit",
            f"--seed_everything={seed}",
            f"--model.policy.core={cell}",
            f"--trainer.logger.save_dir={folder}",
            *ALWAYS,
            *extra,
        ]
        if lrs_lightning(words) != 0:
            raise ArgumentError(f"`{' '.join(words)}` failed: see above")
    return {
        "cell": cell,
        "seed": seed,
        "looks": look.calls,
        "monitor_seconds": round(monitor.wall, 3),
        "training_seconds": round(loop.wall, 2),
        "share": round(monitor.wall / loop.wall, 5),
        "monitor_cpu_seconds": round(monitor.cpu, 3),
        "training_cpu_seconds": round(loop.cpu, 2),
        "share_of_cpu": round(monitor.cpu / loop.cpu, 5),
    }


@dataclass
class Clock:
    """Seconds of all calls of a function together, and how many calls there were."""

    wall: float = 0.0
    cpu: float = 0.0
    calls: int = 0


@contextlib.contextmanager
def timed(owner: type, name: str, clock: Clock) -> Iterator[None]:
    """Have a clock run while a method does."""
    method: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(method)
    def watched(*given: Any, **named: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return method(*given, **named)
        finally:
            clock.wall += time.perf_counter() - wall
            clock.cpu += time.process_time() - cpu
            clock.calls += 1

    with patch.object(owner, name, watched):
        yield
