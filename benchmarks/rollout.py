"""How many steps of control a second: our engine, Gymnasium, envpool, and ours with a policy.

`python -m benchmarks rollout [--smoke] [--tasks HalfCheetah-v5 ...] [--envs 180] [--rounds 5]`

The providers take turns; each call is a stretch of steps of all environments, and rates are
compared within one run. Before anything is timed, our engine must equal Gymnasium to the last bit.
"""

from __future__ import annotations

import csv
import gc
import importlib.util
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import torch
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, provenance
from lrs_lightning.envs import available_cores, describe, make
from lrs_lightning.envs.mujoco_timers import stop_timers
from lrs_lightning.files import write_whole
from lrs_lightning.nn import PolicyConfig, build_policy, cores
from lrs_lightning.options.call import call
from lrs_lightning.rollout import TorchPolicy, rollout

TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5")
SYNC, ENVPOOL, OURS, LOOP = "SyncVectorEnv", "envpool", "engine", "engine + LRS-CfC"
Provider = Callable[[], int]
"""Plays a stretch, and returns the number of environment steps in it."""


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks rollout", arguments)


def run(
    *,
    smoke: bool = False,
    tasks: Sequence[str] = TASKS,
    envs: PositiveInt = 180,
    steps: PositiveInt = 50,
    rounds: PositiveInt = 5,
) -> None:
    """Measure steps of control a second: our engine, Gymnasium, envpool, ours with a policy.

    Writes `results/rollout.csv` and `.md`.

    Args:
        smoke: small and short; writes nothing
        tasks: ids of MuJoCo tasks
        envs: environments side by side
        steps: steps of a stretch
        rounds: stretches of each provider
    """
    if smoke:
        tasks, envs, steps, rounds = TASKS[:2], 16, 20, 2
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for task in tasks:
        check_exact(task)
        rows += measure(task, envs, steps, rounds)
        print(table([row for row in rows if row["task"] == task]), flush=True)
    if not smoke:
        write(rows, RESULTS)


def measure(task: str, envs: int, steps: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each provider: median and best rate, and its ratio to SyncVectorEnv."""
    with providers(task, envs, steps) as every:
        rates: dict[str, list[float]] = {name: [] for name in every}
        for name, play in every.items():
            play()  # once for nothing: caches, threads, lazy imports
            del name
        for _ in range(rounds):
            for name, play in every.items():
                gc.collect()
                begin = time.perf_counter()
                played = play()
                rates[name].append(played / (time.perf_counter() - begin))
    base = float(np.median(rates[SYNC]))
    return [
        {
            "task": task,
            "envs": envs,
            "provider": name,
            "threads": 1 if name in (SYNC, f"{OURS}, 1 thread") else available_cores(),
            "steps_per_second": round(float(np.median(values))),
            "best": round(max(values)),
            "times_sync": round(float(np.median(values)) / base, 2),
            "rounds": rounds,
        }
        for name, values in rates.items()
    ]


@contextmanager
def providers(task: str, envs: int, steps: int) -> Iterator[dict[str, Provider]]:
    """Everything that is compared, closed afterwards."""
    space: Any = describe(task).action_space
    rng = np.random.default_rng(0)
    actions = rng.uniform(space.low, space.high, (steps, envs, *space.shape)).astype(np.float32)
    sync = gym.make_vec(task, num_envs=envs, vectorization_mode="sync")
    ours = {n: make(task, envs, threads=n) for n in thread_counts()}
    every: dict[str, Provider] = {SYNC: _as_by_itself(_resetting_itself(sync, actions))}
    pool = _envpool(task, envs)
    if pool is not None:
        every[ENVPOOL] = _resetting_itself(pool, actions)
    for n, env in ours.items():
        name = OURS if n == available_cores() else f"{OURS}, {n} thread{'s' * (n > 1)}"
        every[name] = _reset_by_us(env, actions)
    every[LOOP] = _closed_loop(task, envs, steps)
    try:
        yield every
    finally:
        for env in (sync, *ours.values()):
            env.close()


def thread_counts() -> list[int]:
    """1, 2, 4, ... and all cores."""
    cores = available_cores()
    return sorted({cores, *(2**k for k in range(8) if 2**k < cores)})


def _resetting_itself(env: Any, actions: np.ndarray) -> Provider:
    env.reset()

    def play() -> int:
        for action in actions:
            env.step(action)
        return int(actions.shape[0] * actions.shape[1])

    return play


def _as_by_itself(play: Provider) -> Provider:
    """With MuJoCo's clock, which our engine stops for the whole process."""

    def timed() -> int:
        mujoco.set_mjcb_time(None)
        try:
            return play()
        finally:
            stop_timers()

    return timed


def _reset_by_us(env: Any, actions: np.ndarray) -> Provider:
    env.reset(seed=0)

    def play() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            over = terminated | truncated
            if over.any():
                env.reset(options={"reset_mask": over})
        return int(actions.shape[0] * actions.shape[1])

    return play


def _closed_loop(task: str, envs: int, steps: int) -> Provider:
    """The rollout that evaluations use, of an untrained policy of the project's default size."""
    info = describe(task)
    torch.manual_seed(0)
    config = PolicyConfig(core=cores.CfC(hidden_size=64, rank=8, sparsity=0.5))
    policy = TorchPolicy(build_policy(config, info.observation_space, info.action_space).eval())
    short = f"{task.removesuffix('-v5')}Stretch{steps}-v5"
    if short not in gym.registry:
        gym.register(short, gym.spec(task).entry_point, max_episode_steps=steps)
    # Where episodes end early, twice as many keep the slots filled for most of the time.
    seeds = range(envs if task == "HalfCheetah-v5" else 2 * envs)

    def play() -> int:
        played = rollout({"p": policy}, short, ["clean"], seeds, num_envs=envs)
        return sum(episode.length for episode in played)

    return play


def _envpool(task: str, envs: int) -> Any:
    if importlib.util.find_spec("envpool") is None:
        print("envpool is not installed: left out", file=sys.stderr)
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import envpool

        return envpool.make(task, env_type="gymnasium", num_envs=envs, num_threads=os.cpu_count())


def check_exact(task: str) -> None:
    """Our engine must equal Gymnasium to the last bit, or its speed means nothing."""
    ours, theirs = make(task, 4), [gym.make(task) for _ in range(4)]
    ours.reset(seed=0)
    for i, env in enumerate(theirs):
        env.reset(seed=i)
    rng, running = np.random.default_rng(0), np.ones(4, bool)
    space: Any = ours.single_action_space
    for _ in range(30):
        action = rng.uniform(space.low, space.high, (4, *space.shape)).astype(np.float32)
        seen, reward, terminated, *_ = ours.step(action)
        for i in np.flatnonzero(running).tolist():
            want, earned, over, *_ = theirs[i].step(action[i])
            same = np.array_equal(seen[i], want) and (reward[i], terminated[i]) == (earned, over)
            if not same:
                sys.exit(f"{task}: the engine differs from Gymnasium; no rate is printed")
        running &= ~terminated
    ours.close()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table."""
    lines = [
        "| task | environments | provider | steps/s (median) | best | times SyncVectorEnv |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['task']} | {row['envs']} | {row['provider']} | {int(row['steps_per_second']):,} "
        f"| {int(row['best']):,} | {float(row['times_sync']):.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def write(rows: list[dict[str, Any]], folder: Path) -> None:
    """The CSV with provenance, and the same as Markdown; tasks that were not measured now stay."""
    path, made = folder / "rollout.csv", provenance()
    measured: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        measured.setdefault(row["task"], []).append({**row, **made})
    kept: dict[str, list[dict[str, Any]]] = {}
    if path.is_file():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                kept.setdefault(row["task"], []).append(row)
    every = {task: measured.get(task, kept.get(task, [])) for task in (*TASKS, *measured)}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *made], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for task_rows in every.values() for row in task_rows)
    write_whole(path, text.getvalue())
    parts = [
        "# Steps of control a second",
        "`python -m benchmarks rollout`: random actions, resets included, the providers taking "
        "turns in one run. `engine + LRS-CfC` is the rollout of an untrained policy (H = 64, rank "
        "8, sparsity 0.5), environments built anew in each stretch.",
    ]
    for task_rows in filter(None, every.values()):
        first = task_rows[0]
        parts += [
            f"{first['device']}, Python {first['python']}, torch {first['torch']}, commit "
            f"{first['commit']}, {first['date']}, median of {first['rounds']} rounds:",
            table(task_rows),
        ]
    write_whole(folder / "rollout.md", "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
