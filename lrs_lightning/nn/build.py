"""A policy from its configuration and the spaces of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from lrs_lightning.nn.config import PolicyConfig
from lrs_lightning.nn.heads import make_head
from lrs_lightning.nn.policy import RecurrentPolicy

if TYPE_CHECKING:
    import gymnasium as gym


def build_policy(
    config: PolicyConfig | Mapping[str, Any],
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
        >>> from lrs_lightning.nn import cores
        >>> config = PolicyConfig(core=cores.CfC(rank=4))
        >>> policy = build_policy(config, Box(-1, 1, (17,)), Discrete(3))
        >>> logits, state = policy.unroll(torch.zeros(2, 5, 17))
        >>> logits.shape, state.shape
        (torch.Size([2, 5, 3]), torch.Size([1, 2, 64]))
    """
    config = config if isinstance(config, PolicyConfig) else PolicyConfig.from_dict(config)
    if config.init_seed is None:
        return _build(config, observation_space, action_space)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.init_seed)
        return _build(config, observation_space, action_space)


def _build(
    config: PolicyConfig, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> RecurrentPolicy:
    encoder = config.encoder.build(observation_space)
    core = config.core.build(encoder.features, action_space)
    return RecurrentPolicy(encoder, core, make_head(core.output_size, action_space), config)
