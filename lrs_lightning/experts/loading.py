"""Find an expert by name or path: one that ships with the package, or safetensors of one's own."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from lrs_lightning.envs import describe
from lrs_lightning.errors import (
    ArgumentError,
    DataError,
    EnvironmentMismatchError,
    UnknownNameError,
)
from lrs_lightning.experts.mlp import MLPExpert

SHIPPED = "shipped"


def shipped_experts() -> dict[str, Traversable]:
    """The experts inside the package: environment id -> safetensors file."""
    folder = files("lrs_lightning.experts") / "shipped"
    weights = (entry for entry in folder.iterdir() if entry.name.endswith(".safetensors"))
    return {entry.name.removesuffix(".safetensors"): entry for entry in weights}


def load_expert(source: str | Path, env_id: str) -> MLPExpert:
    """Load an expert for a task.

    Args:
        source: `"shipped"` for the one inside the package, or the path of a `.safetensors` file
            with `layers.{i}.weight` and `layers.{i}.bias`; a `.json` beside it is its card.
        env_id: the task, e.g. `"HalfCheetah-v5"`.

    Raises:
        UnknownNameError: no expert for this task ships with the package.
        DataError: the file is missing or is not a chain of dense layers.
        EnvironmentMismatchError: the expert was made for another task or has other spaces.
    """
    if str(source) == SHIPPED:
        shipped = shipped_experts()
        if env_id not in shipped:
            raise UnknownNameError("shipped expert", env_id, shipped)
        return _from_safetensors(shipped[env_id], env_id)
    path = Path(source)
    if not path.is_file():
        raise ArgumentError(
            f"no expert at {path}: give the path of a .safetensors file, or 'shipped' for one of "
            f"{', '.join(sorted(shipped_experts()))}"
        )
    return _from_safetensors(path, env_id)


def _from_safetensors(file: Traversable | Path, env_id: str) -> MLPExpert:
    content = file.read_bytes()
    try:
        tensors = load_safetensors(content)
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{file} is not a safetensors file ({error}): copy it again") from error
    count = sum(name.endswith(".weight") for name in tensors)
    try:
        layers = [
            (tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(count)
        ]
    except KeyError as missing:
        raise DataError(
            f"{file} has no tensor {missing}: expected layers.0.weight, layers.0.bias, ... "
            f"and found {', '.join(sorted(tensors))}"
        ) from None
    card = {**_metadata(content), **_card(file)}
    made_for = card.get("env", env_id)
    if made_for != env_id:
        raise EnvironmentMismatchError(
            f"{file} is an expert for {made_for}, not for {env_id}: give --env {made_for}, or "
            "another expert"
        )
    observation_space, action_space = _spaces(env_id)
    expert = MLPExpert(layers, action_space, card, env_id)
    if expert.observation_size != observation_space.shape[0]:
        raise EnvironmentMismatchError(
            f"{file} reads {expert.observation_size} channels and {env_id} has "
            f"{observation_space.shape[0]}: load an expert of this task"
        )
    return expert


def _metadata(content: bytes) -> dict[str, Any]:
    """The free-form strings in the header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length]).get("__metadata__", {}))


def _card(file: Traversable | Path) -> dict[str, Any]:
    """The card beside the weights, where there is one."""
    stem = file.name.removesuffix(".safetensors")
    if isinstance(file, Path):
        beside: Traversable = file.with_suffix(".json")
    else:
        beside = files("lrs_lightning.experts") / "shipped" / f"{stem}.json"
    return json.loads(beside.read_text()) if beside.is_file() else {}


def _spaces(env_id: str) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    info = describe(env_id)
    observation, action = info.observation_space, info.action_space
    if not isinstance(observation, gym.spaces.Box) or not isinstance(action, gym.spaces.Box):
        raise EnvironmentMismatchError(f"{env_id} has no continuous observations and actions")
    if not np.isfinite([action.low, action.high]).all():
        raise EnvironmentMismatchError(f"{env_id} has unbounded actions, which tanh cannot reach")
    return observation, action
