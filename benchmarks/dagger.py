"""`python -m benchmarks dagger`: what rounds of DAgger earn over a schedule of noise.

Each case is the command line itself, once for each seed, with as many episodes and updates: the
schedule of noise of `fit`; the same number of plain episodes; half of them plain, the other half
gathered in rounds; half of them of the schedule, the other half gathered in rounds. Results:
`results/dagger.csv`, a line for each case, seed and condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._provenance import RESULTS, write_csv
from benchmarks.training import SMOKE, Row, check_cases, run, table
from lrs_lightning.options.call import call
from lrs_lightning.statistics.between_seeds import mean_over_seeds

CONFIG = f"--config={Path(__file__).parents[1] / 'conf' / 'dagger.yaml'}"
SCHEDULE = "schedule"
CASES: dict[str, list[str]] = {
    SCHEDULE: [],
    "rounds": [CONFIG],
    "schedule, then rounds": [CONFIG, "--data.noise=0:0.4"],
    "plain": ["--data.noise=0"],
}
EPOCHS = 8


def differences(rows: Sequence[Row]) -> list[str]:
    """Lines of what each case earns over the schedule, paired by seed, with 95 % intervals."""
    shares = {
        (str(row["case"]), str(row["condition"]), int(str(row["seed"]))): float(
            str(row["expert_normalized"])
        )
        for row in rows
    }
    lines = []
    for case, condition in dict.fromkeys((case, condition) for case, condition, _ in shares):
        seeds = [
            seed
            for one, other, seed in shares
            if (one, other) == (case, condition) and (SCHEDULE, condition, seed) in shares
        ]
        if case == SCHEDULE or len(seeds) < 2:
            continue
        gains = np.array(
            [shares[case, condition, s] - shares[SCHEDULE, condition, s] for s in seeds]
        )
        low, high = mean_over_seeds(gains[:, None], gains).interval()
        found = f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}], {len(seeds)} seeds"
        lines.append(f"{case} - {SCHEDULE}, {condition}: {found}")
    return lines


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(measure, "python -m benchmarks dagger", arguments)


def measure(
    *,
    cases: Sequence[str] = tuple(CASES),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    updates: int = 4000,
    out: Path | None = None,
    smoke: bool = False,
) -> None:
    """Measure what rounds of DAgger earn, clean and shifted; writes a table.

    Args:
        cases: which of the cases
        seeds: of weights, mask and order of the windows
        updates: of each training, in 8 epochs
        out: the table; else benchmarks/results/dagger.csv
        smoke: seconds instead of minutes
    """
    check_cases(cases, CASES)
    length = [f"--trainer.max_steps={updates}", f"--data.batches={updates // EPOCHS}"]
    if smoke:
        cases, seeds = ["rounds"], [0]
        length = [*SMOKE, "--data.batches=1", "--data.episodes=2"]
    rows: list[Row] = []
    for seed in seeds:
        for case in cases:
            words = [*CASES[case], *length, "--evaluation.every_n_epochs=0"]
            new = [{**row, "updates": updates} for row in run(case, seed, words)]
            rows += new
            print(f"{case}, seed {seed}: clean {new[0]['expert_normalized']}", flush=True)
            if not smoke:
                # After each run: hours must not be lost.
                write_csv(out or RESULTS / "dagger.csv", rows)
    print("\n".join([table(rows), *differences(rows)]))
