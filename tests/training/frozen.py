"""A store of pictures without a simulator, and runs whose encoder can be taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.data import Demonstration, Task, write_store
from lrs_lightning.nn import PolicyConfig, build_policy, cores, encoders

TASK = Task("Pictures-v0", (4, 36, 36), "uint8", actions=3)


def write_pictures(folder: Path, lengths=(9, 20, 14, 3, 25, 12), seed=0):
    """A store; one episode begins in the middle of a game, one is shorter than a window."""
    rng = np.random.default_rng(seed)

    def episode(number, length):
        frames = rng.integers(0, 256, (length, 1, 36, 36), dtype=np.uint8)
        labels = rng.integers(0, 3, length)
        before = rng.integers(0, 256, (3, 1, 36, 36), dtype=np.uint8) if number == 1 else None
        return Demonstration(frames, labels, labels, np.ones(length, np.float32), before)

    episodes = [episode(number, length) for number, length in enumerate(lengths)]
    return write_store(folder, TASK, episodes, {"expert": "shipped"})


def write_run(folder: Path, seed=0, encoder=None, task=TASK, weights=None) -> Path:
    """A run folder as far as its encoder is looked at: a policy without memory on one frame."""
    config = PolicyConfig(
        encoders.Small(features=7, channels=[3]) if encoder is None else encoder,
        cores.MLP(hidden_size=4),
        init_seed=seed,
    )
    policy = build_policy(config, task.observation_space, task.action_space)
    if weights is not None:
        policy.encoder.load_state_dict(weights.encoder.state_dict())
    content = {
        "global_step": 7,
        "hyper_parameters": {"policy": config.to_dict()},
        "task": task.to_dict(),
        "state_dict": {f"policy.{name}": value for name, value in policy.state_dict().items()},
    }
    write_checkpoint(content, folder / "checkpoints" / "last.ckpt")
    return folder


def alike(one: torch.nn.Module, other: torch.nn.Module, tolerance: float) -> None:
    """Both have the same weights."""
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=tolerance, msg=name)
