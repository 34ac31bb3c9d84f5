"""`python -m benchmarks training`: what `fit` earns in closed loop, and how long it takes.

Every case is the command line itself, run as a user would, once for each seed; the seed draws the
weights, the mask and the order of the windows. Demonstrations are shared by all seeds of a case.
Results: `results/training.csv`, a line for each case, seed and condition.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from benchmarks._provenance import RESULTS, write_csv
from lrs_lightning.errors import UnknownNameError
from lrs_lightning.options.call import call

DENSE = ["--model.policy.core.control=Dense"]
POSITIONS = ["--model.policy.encoder.channels=[0,1,2,3,4,5,6,7]"]
RANK_2 = ["--model.policy.core.rank=2", "--model.policy.core.sparsity=0.8"]
CASES: dict[str, list[str]] = {
    "default": [],
    "rank 2, sparsity 0.8": RANK_2,
    "dense": DENSE,
    "no start share": ["--data.start_share=0"],
    "no noise": ["--data.noise=0"],
    "one sigma 0.3": ["--data.noise=0.3"],
    "no noise, no burn-in": ["--data.noise=0", "--data.burn_in=0"],
    "positions": POSITIONS,
    "positions, dense": [*POSITIONS, *DENSE],
}
SMOKE = ["--trainer.max_steps=8", "--data.batches=4", "--evaluation.episodes=2"]
Row = dict[str, object]


def run(case: str, seed: int, options: Sequence[str]) -> list[Row]:
    """One `fit`, with options of its own: a row for each condition of its suite."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            *(sys.executable, "-m", "lrs_lightning", "fit"),
            f"--seed_everything={seed}",
            f"--model.policy.core.mask_seed={seed}",
            f"--trainer.logger.save_dir={folder}",
            *options,
        ]
        begin = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, env=os.environ)
        seconds = time.perf_counter() - begin
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
        (file,) = Path(folder).rglob("summary.json")
        summary = json.loads(file.read_text())
    return [
        {
            "case": case,
            "seed": seed,
            "condition": condition["condition"],
            "episodes": condition["episodes"],
            "return_mean": round(condition["return_mean"], 1),
            "expert_normalized": round(condition["expert_normalized"], 4),
            "retention": round(condition["retention"], 4),
            "expert": round(summary["references"]["expert"], 1),
            "random": round(summary["references"]["random"], 1),
            "parameters": summary["policy"]["parameters"],
            "wall_seconds": round(seconds, 1),
            "mujoco": summary["provenance"]["versions"]["mujoco"],
        }
        for condition in summary["conditions"]
    ]


def table(rows: Sequence[Row]) -> str:
    """Share of the expert's return, for each case and condition: mean over seeds, and each seed."""
    lines = []
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        of_case = [row for row in rows if row["case"] == case]
        lines.append(f"{case} ({of_case[0]['parameters']} parameters)")
        for condition in dict.fromkeys(str(row["condition"]) for row in of_case):
            shares = [
                float(str(row["expert_normalized"]))
                for row in of_case
                if row["condition"] == condition
            ]
            each = " ".join(f"{share:.3f}" for share in shares)
            lines.append(f"  {condition:<22} {np.mean(shares):.3f}   ({each})")
    return "\n".join(lines)


def check_cases(cases: Sequence[str], known: Collection[str]) -> None:
    """Raise an `UnknownNameError` for a case that there is not."""
    for case in cases:
        if case not in known:
            raise UnknownNameError("case", case, known)


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(measure, "python -m benchmarks training", arguments)


def measure(
    *,
    cases: Sequence[str] = tuple(CASES),
    seeds: Sequence[int] = (0, 1, 2),
    out: Path | None = None,
    smoke: bool = False,
) -> None:
    """Measure what `fit` earns in closed loop, and how long it takes; writes a table.

    Args:
        cases: which of the cases
        seeds: of weights, mask and order of the windows
        out: the table; else benchmarks/results/training.csv
        smoke: seconds instead of minutes
    """
    check_cases(cases, CASES)
    if smoke:
        cases, seeds = ["default"], [0]
    rows: list[Row] = []
    for case in cases:
        for seed in seeds:
            new = run(case, seed, [*CASES[case], *(SMOKE if smoke else ())])
            rows += new
            clean = new[0]
            print(
                f"{case}, seed {seed}: clean {clean['expert_normalized']} of the expert, "
                f"{clean['wall_seconds']} s",
                flush=True,
            )
            if not smoke:
                # After each run: hours must not be lost.
                write_csv(out or RESULTS / "training.csv", rows)
    print(table(rows))
