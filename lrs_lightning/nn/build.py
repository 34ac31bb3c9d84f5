"""A policy from its configuration and the spaces of a task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import torch
from torch import nn

from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.config import FEEDFORWARD, PolicyConfig
from lrs_lightning.nn.core import Core
from lrs_lightning.nn.counting import count_parameters, matched_hidden_size
from lrs_lightning.nn.encoders import ENCODERS
from lrs_lightning.nn.feedforward import FrameStack, Memoryless
from lrs_lightning.nn.gru import LRSGRU
from lrs_lightning.nn.heads import make_head
from lrs_lightning.nn.lstm import LRSLSTM
from lrs_lightning.nn.policy import RecurrentPolicy
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.rnn import LRSRNN
from lrs_lightning.nn.theory import spectral_radius

LAYERS: dict[str, type[LRSLayer]] = {"cfc": LRSCfC, "lstm": LRSLSTM, "gru": LRSGRU, "rnn": LRSRNN}
"""Recurrent layers by their name in the configuration."""


def build_policy(
    config: PolicyConfig | dict[str, Any],
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
) -> RecurrentPolicy:
    """Build encoder, core and head.

    Args:
        config: a `PolicyConfig`, or the same as a dictionary.
        observation_space: of one environment.
        action_space: of one environment, a `Box` or `Discrete`.

    Raises:
        ArgumentError: the configuration and the spaces do not fit.

    Example:
        >>> from gymnasium.spaces import Box, Discrete
        >>> policy = build_policy(PolicyConfig(rank=4), Box(-1, 1, (17,)), Discrete(3))
        >>> logits, state = policy.unroll(torch.zeros(2, 5, 17))
        >>> logits.shape, state.shape
        (torch.Size([2, 5, 3]), torch.Size([1, 2, 64]))
    """
    config = PolicyConfig(**config) if isinstance(config, dict) else config
    if config.init_seed is None:
        return _build(config, observation_space, action_space)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.init_seed)
        return _build(config, observation_space, action_space)


def _build(
    config: PolicyConfig, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> RecurrentPolicy:
    encoder = ENCODERS[config.encoder](observation_space, config.features, config.channels)
    core = build_core(config, encoder.features, action_space)
    return RecurrentPolicy(encoder, core, make_head(core.output_size, action_space), config)


def build_core(config: PolicyConfig, input_size: int, action_space: gym.Space[Any]) -> Core:
    """The core alone: a recurrent layer, or one of the controls."""
    if config.cell in FEEDFORWARD:
        sizes = (input_size, config.hidden_size, config.num_layers)
        return Memoryless(*sizes) if config.cell == "mlp" else FrameStack(*sizes, config.frames)
    if config.control.startswith("matched"):
        config = _matched(config, input_size, action_space)
    return _layer(config, input_size)


def _layer(config: PolicyConfig, input_size: int) -> LRSLayer:
    options: dict[str, Any] = {
        "init": config.init,
        "mask_seed": config.mask_seed,
        "share_mask": config.share_mask,
        "factor_full_rank": config.factor_full_rank,
        **_connectivity_options(config),
    }
    if config.cell == "cfc":
        options |= {"mode": config.mode, "gate": config.gate}
    return LAYERS[config.cell](
        input_size, config.hidden_size, config.num_layers, dropout=config.dropout, **options
    )


def _connectivity_options(config: PolicyConfig) -> dict[str, Any]:
    """What each control makes of rank and sparsity."""
    match config.control:
        case "none":
            return {"rank": config.rank, "sparsity": config.sparsity}
        case "rescaled":
            size = config.hidden_size
            radius = spectral_radius(size, config.rank, config.sparsity, config.init)
            return {"recurrent_scale": radius / spectral_radius(size, None, 0.0, config.init)}
        case "truncated":
            return {"eval_rank": config.rank}
        case "pruned":
            return {"eval_sparsity": config.sparsity}
    return {}


def _matched(config: PolicyConfig, input_size: int, action_space: gym.Space[Any]) -> PolicyConfig:
    """The dense configuration whose parameters are as many as those of the prior."""
    prior = replace(config, control="none")
    dense = replace(config, control="dense", rank=None, sparsity=0.0)

    def count(hidden_size: int | None = None) -> int:
        chosen = prior if hidden_size is None else replace(dense, hidden_size=hidden_size)
        with torch.device("meta"):
            layer = _layer(chosen, input_size)
            head = make_head(layer.output_size, action_space)
        return _count(layer, head, config.control)

    size = matched_hidden_size(count(), count, config.hidden_size)
    return replace(dense, hidden_size=size)


def _count(layer: LRSLayer, head: nn.Module, control: str) -> int:
    counted = count_parameters(layer)
    if control == "matched-recurrent":
        return counted.recurrent_free
    return counted.total_free + sum(parameter.numel() for parameter in head.parameters())
