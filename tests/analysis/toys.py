"""Small policies and a task that needs no simulator, for the tests of this room."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box, Discrete

from lrs_lightning.nn import build_policy

SEES, ACTS = Box(-np.inf, np.inf, (5,), np.float32), Box(-1, 1, (2,), np.float32)


def policy(cell="cfc", space=ACTS, **options):
    core = {"name": cell, "hidden_size": 8, **options}
    if cell in ("cfc", "lstm", "gru", "rnn"):
        core = {"rank": 3, **core}
    config = {"core": core, "encoder": {"name": "mlp", "features": 6}, "init_seed": 0}
    return build_policy(config, SEES, space)


def games():
    return policy(space=Discrete(3))


def observations(episodes=3, steps=120, seed=0):
    random = np.random.default_rng(seed)
    walks = random.normal(size=(episodes, steps, 5)).cumsum(1) * 0.1
    return [walk.astype(np.float32) for walk in walks]
