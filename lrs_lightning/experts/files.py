"""Experts as safetensors: weights, and in the header where they come from.

Vectors: `layers.{i}.weight` and `layers.{i}.bias`. Pixels: the state dictionary of a `QNetwork`;
the header says which `encoder` it has and whether it is normalised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from lrs_lightning.envs import EnvInfo, describe, get_domain
from lrs_lightning.errors import DataError, EnvironmentMismatchError
from lrs_lightning.experts.mlp import MLPExpert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.q_network import QNetwork, build_q_network
from lrs_lightning.files import write_whole

Arrays = dict[str, Any]


def expert_from_safetensors(file: Traversable | Path, env_id: str) -> MLPExpert | PixelExpert:
    """Read an expert; see `load_expert` for what is raised."""
    content = file.read_bytes()
    try:
        arrays = load_arrays(content)
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{file} is not a safetensors file ({error}): copy it again") from error
    card = {**_metadata(content), **_card(file)}
    made_for = card.get("env", env_id)
    if made_for != env_id:
        raise EnvironmentMismatchError(
            f"{file} is an expert for {made_for}, not for {env_id}: give --env {made_for}, or "
            "another expert"
        )
    read = _pixel_expert if "encoder.convolutions.0.weight" in arrays else _mlp_expert
    return read(arrays, card, describe(env_id), file)


def _mlp_expert(
    arrays: Arrays, card: dict[str, Any], info: EnvInfo, file: Traversable | Path
) -> MLPExpert:
    count = sum(name.endswith(".weight") for name in arrays)
    try:
        layers = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(count)]
    except KeyError as missing:
        raise DataError(
            f"{file} has no tensor {missing}: expected layers.0.weight, layers.0.bias, ... "
            f"and found {', '.join(sorted(arrays))}"
        ) from None
    used = {f"layers.{i}.{part}" for i in range(count) for part in ("weight", "bias")}
    left = sorted(arrays.keys() - used)
    if left:
        raise DataError(f"{file} has tensors that have no place in a chain of layers: {left}")
    activation = str(card.get("activation", "relu"))
    return mlp_expert(info, file, layers=layers, card=card, activation=activation)


def mlp_expert(info: EnvInfo, file: Traversable | Path, **parts: Any) -> MLPExpert:
    """An expert over vectors, if the task has them.

    Raises:
        EnvironmentMismatchError: the spaces of expert and task differ.
    """
    observation, action = info.observation_space, info.action_space
    if not isinstance(observation, gym.spaces.Box) or _is_image(observation):
        raise EnvironmentMismatchError(
            f"{file} reads a vector and {info.env_id} shows {observation}: load an expert of "
            "this task"
        )
    if not isinstance(action, gym.spaces.Box | gym.spaces.Discrete):
        raise EnvironmentMismatchError(f"{info.env_id} has actions {action}: no expert gives them")
    bounded = isinstance(action, gym.spaces.Discrete) or action.is_bounded()
    if not bounded and parts.get("squash", True):
        raise EnvironmentMismatchError(
            f"{info.env_id} has unbounded actions, which tanh cannot reach"
        )
    expert = MLPExpert(action_space=action, env_id=info.env_id, **parts)
    channels = int(np.prod(observation.shape))
    if expert.observation_size != channels:
        raise EnvironmentMismatchError(
            f"{file} reads {expert.observation_size} channels and {info.env_id} has "
            f"{channels}: load an expert of this task"
        )
    return expert


def _is_image(space: gym.spaces.Box) -> bool:
    return space.dtype == np.uint8 and len(space.shape) > 1


def _pixel_expert(
    arrays: Arrays, card: dict[str, Any], info: EnvInfo, file: Traversable | Path
) -> PixelExpert:
    normalize = str(card.get("normalize", "true")).lower() == "true"
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return pixel_expert(info, file, state, str(card.get("encoder", "small")), normalize, card)


def pixel_expert(
    info: EnvInfo,
    file: Traversable | Path,
    state: Mapping[str, torch.Tensor],
    encoder: str,
    normalize: bool,
    card: dict[str, Any],
) -> PixelExpert:
    """An expert over frames, if the task shows them.

    Raises:
        EnvironmentMismatchError: the task is no game, or has another number of actions.
        DataError: the tensors do not fit the network.
    """
    pixels = get_domain(info.domain).pixels
    if not pixels or not isinstance(info.action_space, gym.spaces.Discrete):
        raise EnvironmentMismatchError(
            f"{file} sees pixels and {info.env_id} shows no pictures: load an expert of this task"
        )
    try:
        actions = len(state["head.bias"])
        network: QNetwork = build_q_network(encoder, actions, normalize)
        network.load_state_dict(dict(state))
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"{file} does not fit the network {encoder!r}: {' '.join(str(error).split())[:200]}"
        ) from None
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise DataError(f"{file} holds NaN or infinity: the file is damaged")
    return PixelExpert(network, info.action_space, card, info.env_id)


def save_pixel_expert(network: QNetwork, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a network, with `encoder`, `normalize`, `env` and the like in the header."""
    tensors = network.state_dict().items()
    state = {name: t.detach().cpu().contiguous().numpy() for name, t in tensors}
    write_whole(path, save_arrays(state, dict(metadata)))


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
