"""How long the `paper` suite takes, from the command to the report: start-up, files and figures.

`python -m benchmarks evaluation [--smoke] [--policy NAME=P ...] [--episodes 30] [--rounds 3]`

Each round is a process of its own, as a user starts it: import, load, 6 conditions x 30 episodes x
1,000 steps of HalfCheetah, the references, `results.jsonl`, `summary.json` and `report.html`.
The policies take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, provenance, write_csv
from lrs_lightning.options.call import call

ENV_ID = "HalfCheetah-v5"
FILES = ("results.jsonl", "summary.json", "report.html")


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks evaluation", arguments)


def run(
    *,
    smoke: bool = False,
    policy: Sequence[str] = ("expert=shipped",),
    episodes: PositiveInt = 30,
    rounds: PositiveInt = 3,
) -> None:
    """Measure how long the `paper` suite takes, from the command to the report.

    Writes `results/evaluation.csv` and `.md`.

    Args:
        smoke: two episodes; writes nothing
        policy: policies, as `evaluate` takes them: NAME=POLICY
        episodes: episodes of each condition
        rounds: processes for each policy
    """
    if smoke:
        episodes, rounds = 2, 1
    runs = [(word, evaluate(word, episodes)) for _ in range(rounds) for word in policy]
    rows = [summary([run for w, run in runs if w == word], word) for word in policy]
    print(table(rows))
    if not smoke:
        write_csv(RESULTS / "evaluation.csv", rows)
        (RESULTS / "evaluation.md").write_text(page(rows), encoding="utf-8")


def evaluate(word: str, episodes: int) -> dict[str, Any]:
    """One process: its seconds, and the episodes and steps that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "lrs_lightning", "evaluate", "--policy", word]
        command += ["--env", ENV_ID, "--suite", "paper", "--episodes", str(episodes)]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL, env=os.environ
        )
        seconds = time.perf_counter() - start
        missing = [name for name in FILES if not (out / name).is_file()]
        lines = (out / "results.jsonl").read_text().splitlines()
    played = [json.loads(line) for line in lines]
    if missing or len(played) != 6 * episodes or any(row["status"] != "ok" for row in played):
        sys.exit(f"no figure: {len(played)} episodes, missing files {missing}")
    return {"seconds": seconds, "steps": sum(row["length"] for row in played)}


def summary(runs: Sequence[dict[str, Any]], word: str) -> dict[str, Any]:
    """The rounds of one policy."""
    seconds = [run["seconds"] for run in runs]
    return {
        "policy": word.partition("=")[0],
        "conditions": 6,
        "steps": runs[0]["steps"],
        "rounds": len(runs),
        "seconds_median": round(statistics.median(seconds), 2),
        "seconds_best": round(min(seconds), 2),
        "seconds_worst": round(max(seconds), 2),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| policy | steps | seconds (median) | best | worst |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row['policy']} | {row['steps']:,} | {row['seconds_median']} "
            f"| {row['seconds_best']} | {row['seconds_worst']} |"
        )
    return "\n".join(lines)


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The file beside the CSV."""
    made = provenance()
    return (
        "# The `paper` suite from the command to the report\n\n"
        "`python -m benchmarks evaluation`: whole processes, start-up and imports included; "
        f"{ENV_ID}, 6 conditions, the references beside them, all files and figures written.\n\n"
        f"{made['device']}, Python {made['python']}, torch {made['torch']}, commit "
        f"{made['commit']}, {made['date']}, {rows[0]['rounds']} rounds:\n\n{table(rows)}\n"
    )
