"""Time and memory of results at their largest: a million rows, the report of twenty methods.

`python -m benchmarks results [--smoke] [--rows 1000000] [--methods 20] [--seeds 1] [--episodes 20]`

Rows are drawn, with all columns that `evaluate` writes. Reading, merging (two files of half the
rows into one) and the report run in a process each. What is aimed at: 15 s and 500 MB for a million
rows; 20 s and a page of 5 MB for 20 methods under 29 shifts of 5 severities.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jsonargparse.typing import PositiveInt

from benchmarks._process import Row, in_a_process
from benchmarks._provenance import RESULTS, write_csv
from lrs_lightning.options.call import call
from lrs_lightning.rollout import Episode
from lrs_lightning.statistics.results import ResultsWriter, episode_row
from lrs_lightning.statistics.summary import summarize

_TASK = "HalfCheetah-v5"
_SHIFTS = tuple(f"shift_{number:02d}" for number in range(29))
_SEVERITIES = range(1, 6)
_REFERENCES = {"expert": 9955.0, "random": -284.0}
_COLUMNS: dict[str, Any] = {
    "run": "d00f3b13f808", "date": "2026-01-01T00:00:00+00:00", "commit": "0123456789ab",
    "device": "a processor of some name", "threads": 2, "backend": "native",
    "versions": "python 3.11.7, lrs_lightning 0.2.0, torch 2.13.0, triton 3.7.1, lightning 2.6.6, "
    "gymnasium 1.4.0, mujoco 4.0.0, ale-py 0.12.1, numpy 2.4.6",
    "policy_id": "b62a941ee942c54e", "condition_id": "4f53cda18c2b", "step": 4000,
}  # fmt: skip
_CHILD = "import sys; from benchmarks._big_results import child; child(*sys.argv[1:])"

Measure = Literal["read", "merge", "report"]


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(measure, "python -m benchmarks results", arguments)


def measure(
    *,
    measures: Sequence[Measure] = ("read", "merge", "report"),
    rows: PositiveInt = 1_000_000,
    methods: PositiveInt = 20,
    seeds: PositiveInt = 1,
    episodes: PositiveInt = 20,
    rounds: PositiveInt = 3,
    out: Path | None = None,
    smoke: bool = False,
) -> None:
    """Measure reading, merging and the report of large results; writes a table.

    Args:
        measures: which of read, merge, report
        rows: that are read and merged
        methods: of the report
        seeds: training seeds of each method
        episodes: of each policy and condition in the report
        rounds: of each measure, each in a process of its own
        out: the table; else benchmarks/results/results.csv
        smoke: a few rows, once; writes nothing
    """
    if smoke:
        rows, methods, episodes, rounds = 400, 2, 2, 1
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for which in measures:
            if which == "report":
                words = written_runs(folder / "runs", methods, seeds, episodes)
                told: Row = {"methods": methods, "seeds": seeds, "episodes": episodes}
            else:
                words, told = written_halves(folder / "halves", rows), {}
            for number in range(rounds):
                of_round = in_a_process(which, _CHILD, which, str(folder / "out"), *words)
                found.append({"measure": which, "round": number, **of_round, **told})
                print(line(found[-1]), flush=True)
    if not smoke:
        keys = dict.fromkeys(key for row in found for key in row)
        write_csv(
            out or RESULTS / "results.csv", [{k: row.get(k, "") for k in keys} for row in found]
        )


def written_runs(folder: Path, methods: int, seeds: int, episodes: int) -> list[str]:
    """The folders of runs, `seeds` of each method, each under every condition."""
    for method in range(methods):
        for seed in range(seeds):
            own = folder / f"method_{method:02d}_seed_{seed}"
            if own.exists():
                continue
            played = list(_played(own.name, [method, seed], episodes))
            with ResultsWriter(own / "results.jsonl") as writer:
                writer.write_rows(played)
            about = {
                "name": own.name,
                "seeds": {"training": seed},
                "configuration": {"model.policy.core.rank": method},
            }
            summarize(played, _REFERENCES, about, {"commit": _COLUMNS["commit"]}).write(own)
    return sorted(map(str, folder.iterdir()))


def written_halves(folder: Path, rows: int) -> list[str]:
    """Two results files of `rows` together."""
    each, conditions = rows // 2, 1 + len(_SHIFTS) * len(_SEVERITIES)
    for number, wanted in enumerate((each, rows - each)):
        path = folder / f"half_{number}" / "results.jsonl"
        if not path.exists():
            episodes = -(-wanted // conditions)
            played = _played(f"policy_{number}", [number], episodes)
            with ResultsWriter(path, sync_every=1 << 30) as writer:
                writer.write_rows(row for _, row in zip(range(wanted), played, strict=False))
    return sorted(str(own) for own in folder.iterdir())


def _played(policy: str, seed: list[int], episodes: int) -> Iterator[dict[str, Any]]:
    """Rows of a policy under every condition; each episode of it an outcome of its own."""
    rng = np.random.default_rng(seed)
    conditions = [("clean", 0), *((shift, k) for shift in _SHIFTS for k in _SEVERITIES)]
    for shift, severity in conditions:
        returns = rng.normal(9000.0 * rng.uniform(0.9, 1.0) - 1000.0 * severity, 300.0, episodes)
        for episode, return_ in enumerate(returns):
            yield episode_row(
                Episode(
                    policy=policy, env=_TASK, shift=shift, severity=severity, episode=episode,
                    seed=10_000 + episode, return_=float(return_), length=1000,
                    outcome=rng.bytes(8).hex(),
                ),
                **_COLUMNS, training_seed=seed[-1],
            )  # fmt: skip


def line(row: Row) -> str:
    """What is printed of a measurement."""
    of = f"{row['rows']} rows" if "rows" in row else f"{row['methods']} methods, {row['mb']} MB"
    return (
        f"{row['measure']}: {of} in {row['seconds']} s ({row['own_seconds']} s without the start), "
        f"peak {row['peak_mb']} MB"
    )
