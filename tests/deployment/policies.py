"""Policies to export: every core and encoder, over tasks that no simulator has."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete

from lrs_lightning.data import Task
from lrs_lightning.nn import LRSCfC, RecurrentPolicy, build_policy

CHANNELS = 9
OBSERVATION = Box(-1, 1, (CHANNELS,))
LOW, HIGH = np.array([-2, 0], np.float32), np.array([1, 3], np.float32)
BOX = Task.of("MyRobot-v0", OBSERVATION, Box(LOW, HIGH))
UNIT = Task.of("MyRobot-v0", OBSERVATION, Box(-1, 1, (2,)))
OPEN = Task.of("MyRobot-v0", OBSERVATION, Box(-np.inf, np.inf, (2,)))
DISCRETE = Task.of("MyRobot-v0", OBSERVATION, Discrete(4, start=2))
FRAMES = Task.of("Frames-v0", Box(0, 255, (3, 84, 84), np.uint8), Discrete(5, start=1))

PRIOR = {"hidden_size": 16, "rank": 4, "sparsity": 0.5}
CORES: dict[str, dict[str, Any]] = {
    "cfc": {"name": "cfc", **PRIOR},
    "cfc-two-layers": {"name": "cfc", **PRIOR, "num_layers": 2, "dropout": 0.5},
    "cfc-default": {"name": "cfc", **PRIOR, "mode": "default"},
    "cfc-no_gate": {"name": "cfc", **PRIOR, "mode": "no_gate"},
    "cfc-pure": {"name": "cfc", **PRIOR, "mode": "pure"},
    "cfc-frozen": {"name": "cfc", **PRIOR, "gate": "frozen"},
    "cfc-removed": {"name": "cfc", **PRIOR, "gate": "removed"},
    "cfc-truncated": {"name": "cfc", **PRIOR, "control": "truncated"},
    "lstm": {"name": "lstm", **PRIOR},
    "lstm-pruned": {"name": "lstm", **PRIOR, "num_layers": 2, "control": "pruned"},
    "gru": {"name": "gru", **PRIOR},
    "gru-matched": {"name": "gru", **PRIOR, "num_layers": 3, "control": "matched-total"},
    "rnn": {"name": "rnn", **PRIOR},
    "rnn-relu": {"name": "rnn", **PRIOR, "nonlinearity": "relu", "control": "rescaled"},
    "rnn-dense": {"name": "rnn", **PRIOR, "control": "dense"},
    "mlp": {"name": "mlp", "hidden_size": 16, "num_layers": 2},
    "linear": {"name": "mlp", "num_layers": 0},
    "stack": {"name": "stack", "hidden_size": 16, "frames": 3},
}


def policy(core: Any = "cfc", task: Task = BOX, encoder: Any = "mlp") -> RecurrentPolicy:
    """One with weights of its own and, for vectors, statistics that matter."""
    core = CORES.get(core, core) if isinstance(core, str) else core
    config = {"core": core, "encoder": encoder, "init_seed": 3}
    made = build_policy(config, task.observation_space, task.action_space)
    if not task.pixels:
        made.encoder.set_statistics(np.arange(CHANNELS) * 10.0, np.linspace(0.01, 3, CHANNELS))
    if isinstance(made.core, LRSCfC) and made.core.gate == "frozen":
        made.core.gate_mean().mean.copy_(torch.linspace(0.05, 0.9, made.core.hidden_size))
    return made.eval()
