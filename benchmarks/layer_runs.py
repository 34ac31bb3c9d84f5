"""How far a ratio of `benchmarks layers` can be trusted: one case in many processes.

`python -m benchmarks layer-runs [--threads N] [--runs 16] [--smoke]`. Within a process tensors lie
where they lie, and an hour is fast or slow; between processes both change. Here the CfC of
`layers.SHAPES[0]` takes its turns beside `torch.nn.LSTM` and ncps in each of them, and what is told
is the mean over all, with its 95 % interval.
"""

from __future__ import annotations

import json

import torch
from jsonargparse.typing import PositiveInt

from benchmarks._process import Row, in_a_process
from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks.layers import ROUNDS, SHAPES, SMOKE_ROUNDS, measure, row
from lrs_lightning.options.call import call
from lrs_lightning.statistics.bootstrap import interval
from lrs_lightning.statistics.estimates import mean

_CHILD = "import sys; from benchmarks.layer_runs import child; child(*map(int, sys.argv[1:]))"
RATIO = "prior_over_lstm"


def child(threads: int, seed: int, rounds: int) -> None:
    """Measure the case in this process, and print its row."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    found = row("CfC", SHAPES[0], measure("CfC", SHAPES[0], rounds), digits=4)
    print(json.dumps({"seed": seed, **found}))


def summed_up(ratios: list[float]) -> str:
    """Mean of a ratio over processes, its interval, and its least and largest value."""
    low, high = interval([ratios], mean)
    return (
        f"{sum(ratios) / len(ratios):.3f} [{low:.3f}, {high:.3f}] over {len(ratios)} processes, "
        f"{min(ratios):.3f} to {max(ratios):.3f}"
    )


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks layer-runs", arguments)


def run(*, threads: PositiveInt = 1, runs: PositiveInt = 16, smoke: bool = False) -> None:
    """Measure a training update of the CfC beside torch.nn.LSTM, in processes of their own.

    Writes `results/layer_runs_N_threads.csv`, a row for each process.

    Args:
        threads: threads of torch
        runs: processes, with the seeds 1, 2, ...
        smoke: two processes of few rounds, nothing stored
    """
    print(f"{device_name()}, torch {torch.__version__}, {threads} thread(s)")
    runs, rounds = (2, SMOKE_ROUNDS) if smoke else (runs, ROUNDS)
    rows: list[Row] = []
    for seed in range(1, runs + 1):
        words = map(str, (threads, seed, rounds))
        rows.append(in_a_process(f"process {seed}", _CHILD, *words))
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    print(f"ours / nn.LSTM: {summed_up([float(str(one[RATIO])) for one in rows])}")
    if not smoke:
        write_csv(RESULTS / f"layer_runs_{threads}_threads.csv", rows)
