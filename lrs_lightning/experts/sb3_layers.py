"""Which tensors of a Stable-Baselines3 policy make the deterministic action, by algorithm.

SAC and TQC: `actor.latent_pi.*` and `actor.mu`; TD3: `actor.mu.*`; both ReLU, then tanh.
PPO and A2C: `mlp_extractor.policy_net.*` and `action_net`, tanh unless the zip says otherwise.
DQN: `q_net.q_net.*`; QR-DQN: `quantile_net.quantile_net.*`, the mean of whose quantiles counts.
Over pixels a Nature network comes before: `features_extractor.cnn.*` and `.linear.0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lrs_lightning.errors import DataError

Layers = list[tuple[Tensor, Tensor]]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Found:
    """An actor inside a state dictionary."""

    algorithm: str
    layers: Layers
    """Dense layers, weight `(out, in)` and bias; those after the convolutions for pixels."""
    convolutions: Layers
    """Weight `(C_out, C_in, k, k)` and bias of a Nature network; empty for vectors."""
    activation: str
    squash: bool


def find_actor(state: State, about: dict[str, Any], quantile_actions: int) -> Found:
    """Find the actor.

    Args:
        state: tensors by name.
        about: what `read_zip` says beside.
        quantile_actions: number of actions, which QR-DQN's output is folded into.

    Raises:
        DataError: the tensors are of none of the algorithms.
    """
    module = about.get("module", "")
    if "actor.latent_pi.0.weight" in state:
        return _squashed(state, "TQC" if "tqc" in module else "SAC")
    if "actor.mu.0.weight" in state:
        return Found("TD3", _chain(state, "actor.mu"), [], "relu", True)
    if "action_net.weight" in state and not any("lstm" in name for name in state):
        return _on_policy(state, about)
    for prefix, algorithm in (("q_net", "DQN"), ("quantile_net", "QR-DQN")):
        if f"{prefix}.{prefix}.0.weight" in state:
            return _values(state, prefix, algorithm, quantile_actions)
    names = ", ".join(sorted({name.split(".")[0] for name in state})) or "nothing"
    raise DataError(
        "the policy is of no algorithm that can be read (DQN, QR-DQN, PPO, A2C, SAC, TD3, TQC): "
        f"its tensors begin with {names}"
    )


def _squashed(state: State, algorithm: str) -> Found:
    if "actor.mu.weight" not in state:
        raise DataError(
            f"the {algorithm} policy was trained with state-dependent exploration (use_sde), whose "
            "clipped mean is not read: train it without"
        )
    layers = [*_chain(state, "actor.latent_pi"), _layer(state, "actor.mu")]
    return Found(algorithm, layers, [], "relu", True)


def _on_policy(state: State, about: dict[str, Any]) -> Found:
    module = about.get("module", "")
    algorithm = next((a.upper() for a in ("ppo", "a2c") if a in module), "PPO or A2C")
    hidden = _chain(state, "mlp_extractor.policy_net")
    layers = [*hidden, _layer(state, "action_net")]
    convolutions = _convolutions(state, "features_extractor")
    if convolutions:
        layers.insert(0, _layer(state, "features_extractor.linear.0"))
    activation = about.get("activation") or "tanh"
    if activation not in ("tanh", "relu"):
        raise DataError(f"the policy uses the activation {activation}: only tanh and relu are read")
    return Found(algorithm, layers, convolutions, activation, False)


def _values(state: State, prefix: str, algorithm: str, actions: int) -> Found:
    layers = _chain(state, f"{prefix}.{prefix}")
    convolutions = _convolutions(state, f"{prefix}.features_extractor")
    if convolutions:
        layers.insert(0, _layer(state, f"{prefix}.features_extractor.linear.0"))
    if algorithm == "QR-DQN":
        layers[-1] = _mean_over_quantiles(*layers[-1], actions)
    return Found(algorithm, layers, convolutions, "relu", False)


def _mean_over_quantiles(weight: Tensor, bias: Tensor, actions: int) -> tuple[Tensor, Tensor]:
    """The mean of the quantiles is linear, so that it folds into the last layer."""
    if len(weight) % actions:
        raise DataError(
            f"the policy has {len(weight)} quantiles, which {actions} actions do not divide: it is "
            "of another task"
        )
    # Stable-Baselines3 orders the outputs by quantile, then by action.
    return weight.reshape(-1, actions, weight.shape[1]).mean(0), bias.reshape(-1, actions).mean(0)


def _convolutions(state: State, prefix: str) -> Layers:
    return _chain(state, f"{prefix}.cnn")


def _chain(state: State, prefix: str) -> Layers:
    """The layers of a Sequential, in order."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.weight")
    indices = sorted(int(match[1]) for name in state if (match := pattern.fullmatch(name)))
    return [_layer(state, f"{prefix}.{index}") for index in indices]


def _layer(state: State, prefix: str) -> tuple[Tensor, Tensor]:
    weight, bias = state.get(f"{prefix}.weight"), state.get(f"{prefix}.bias")
    if weight is None or bias is None:
        raise DataError(f"the policy lacks {prefix}.weight or {prefix}.bias")
    return weight.to(torch.float32), bias.to(torch.float32)
