"""From CSV files to a report: recordings are checked, imported, learned from and tested.

    python examples/csv_to_report.py

Your own files take the place of those that `record` writes: one file an episode, a line of names, a
row a step. `docs/demonstrations.md` says what to do where names do not tell what columns mean.
"""

from __future__ import annotations

import csv
from pathlib import Path

import gymnasium as gym
import numpy as np

from lrs_lightning.cli import main as lrs


def record(folder: Path, episodes: int) -> None:
    """What a controller by hand saw and did with a pendulum, `episode_00.csv` and so on."""
    env = gym.make("Pendulum-v1")
    folder.mkdir(parents=True, exist_ok=True)
    for episode in range(episodes):
        seen, _ = env.reset(seed=episode)
        rows, over = [], False
        while not over:
            action = np.clip([swing_up(*seen)], -2, 2)
            after, reward, terminated, truncated, _ = env.step(action.astype(np.float32))
            over = terminated or truncated
            rows.append([*seen, *action, reward, int(terminated), int(truncated)])
            seen = after
        with (folder / f"episode_{episode:02}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            names = ["obs_cos", "obs_sin", "obs_speed", "action", "reward"]
            writer.writerow([*names, "terminated", "truncated"])
            writer.writerows(rows)
    env.close()


def swing_up(cos: float, sin: float, speed: float) -> float:
    """Pump energy until it is nearly upright, then balance."""
    if cos > 0.9:
        return -12.0 * float(np.arctan2(sin, cos)) - 3.0 * speed
    energy = speed**2 / 6 + 5.0 * (cos - 1)  # zero at rest upright
    return -2.0 * energy * float(np.sign(speed or 1.0))


def main(folder: str = "runs/csv", episodes: int = 30, steps: int = 1500) -> Path:
    """Record, import, train, test; the report."""
    recordings, store = Path(folder) / "recordings", f"{folder}/demonstrations"
    record(recordings, episodes)
    read = f"import {recordings} --env Pendulum-v1"
    lrs(f"{read} --dry_run".split())  # what it understands of the files
    lrs(f"{read} --out {store}".split())
    lrs(f"data {store} --out {folder}/profile".split())  # lengths, returns, histograms, pictures
    lrs(
        f"fit --data.path {store} --trainer.logger.save_dir {folder} --quiet "
        f"--trainer.max_steps {steps} --data.batches {min(steps, 500)} "
        f"--evaluation.suite smoke --evaluation.episodes {min(episodes, 20)}".split()
    )
    run, report = Path(folder) / "Pendulum-v1" / "version_0", Path(folder) / "report.html"
    lrs(f"report {run} --out {report}".split())
    return report


if __name__ == "__main__":
    print(main())
