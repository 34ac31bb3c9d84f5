"""Many small pieces of work in one process, and what of memory, handles and threads is left.

    python tests/reliability/soak.py CYCLES FOLDER

prints readings `[cycle, resident KiB, handles, threads]`, a line each, the first after a tenth of
the cycles, when caches are filled.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path

import torch

from lrs_lightning import envs
from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.evaluation import evaluate
from lrs_lightning.nn import PolicyConfig, build_policy, cores, encoders
from lrs_lightning.rollout import TorchPolicy
from tests.evaluation.toys import ENV_ID, Constant, Toy, register

READINGS = 20


def cycle(number: int, folder: Path) -> None:
    """An evaluation, a checkpoint there and back, and an engine made, used and closed."""
    out = folder / f"run-{number}"
    conditions = ["clean", "sensor_delay@1"]
    policies = {"constant": Constant(0.5), "trained": TorchPolicy(_policy(), Toy.action_space)}
    evaluate(policies, ENV_ID, conditions, 2, references={}, out=out)
    for file in out.iterdir():
        file.unlink()
    out.rmdir()
    _save_and_load(folder / "weights.ckpt")
    env = envs.make("HalfCheetah-v5", 4, threads=2)
    env.reset(seed=number)
    env.step(env.action_space.sample())  # type: ignore[attr-defined]
    env.close()


def _policy() -> torch.nn.Module:
    config = PolicyConfig(encoders.Vector(features=8), cores.CfC(hidden_size=8, rank=2))
    return build_policy(config, Toy.observation_space, Toy.action_space)


def _save_and_load(path: Path) -> None:
    policy = _policy()
    write_checkpoint({"state_dict": policy.state_dict()}, path)
    policy.load_state_dict(read_checkpoint(path)["state_dict"])


def reading(number: int) -> list[int]:
    """What this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    handles = len(os.listdir("/proc/self/fd"))
    return [number, pages * os.sysconf("SC_PAGE_SIZE") // 1024, handles, threading.active_count()]


def main(cycles: int, folder: Path) -> None:
    """Run, and print the readings as they come."""
    register()
    torch.set_num_threads(1)
    warm = cycles // 10
    every = max(1, (cycles - warm) // READINGS)
    for number in range(1, cycles + 1):
        cycle(number, folder)
        if number >= warm and (number - warm) % every == 0:
            print(json.dumps(reading(number)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
