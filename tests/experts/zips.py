"""Zips as Stable-Baselines3 writes them, of networks of one's own."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from itertools import pairwise

import torch
from torch import nn

SAC = "stable_baselines3.sac.policies.SACPolicy"
TD3 = "stable_baselines3.td3.policies.TD3Policy"
PPO = "stable_baselines3.common.policies.ActorCriticPolicy"
TQC = "sb3_contrib.tqc.policies.TQCPolicy"
DQN = "stable_baselines3.dqn.policies.DQNPolicy"
QRDQN = "sb3_contrib.qrdqn.policies.QRDQNPolicy"


def pickled_name(path):
    """A class as pickle and base64 store it: by its module and name."""
    module, _, name = path.rpartition(".")
    return base64.b64encode(f"c{module}\n{name}\n.".encode()).decode()


def save_zip(path, state, policy=TD3, **more):
    """What `model.save()` leaves behind, as far as anybody reads it."""
    weights = io.BytesIO()
    torch.save(state, weights)
    data = {"policy_class": {":serialized:": pickled_name(policy)}, "policy_kwargs": {}, **more}
    members = {
        "policy.pth": weights.getvalue(),
        "data": json.dumps(data).encode(),
        "_stable_baselines3_version": b"2.9.2",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def named(prefix, module):
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}


def mlp(*sizes, act=nn.ReLU):
    layers = [nn.Linear(i, o) for i, o in pairwise(sizes)]
    return nn.Sequential(*[m for layer in layers for m in (layer, act())][:-1])


def nature():
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
