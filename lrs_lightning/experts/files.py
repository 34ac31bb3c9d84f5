"""Experts as safetensors: weights, and in the header where they come from.

Vectors: `layers.{i}.weight` and `layers.{i}.bias`; the header says which `activation` stands
between and which `output` at the end. Pixels: the state dictionary of a `QNetwork`; the header says
which `encoder` it has and whether it is normalised. The card beside it has the SHA-256 of the whole
file. What else a header or card says and may change an action is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import torch
from msgspec import Meta, Struct
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from lrs_lightning.documents import CHECKSUM, as_shape, parse_json, read_bytes, read_json
from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.envs import EnvInfo, describe, get_domain
from lrs_lightning.errors import DataError, EnvironmentMismatchError
from lrs_lightning.experts.mlp import MLPExpert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.q_network import QNetwork, build_q_network
from lrs_lightning.files import write_whole
from lrs_lightning.foreign_id import check_foreign_id

Arrays = dict[str, Any]
_MEND = "copy it again"


_Name = Annotated[str, Meta(max_length=256)]


class _Card(Struct):
    """What decides how weights are read; all else in a card is for people."""

    env: _Name | None = None
    activation: _Name | None = None
    output: _Name | None = None
    encoder: _Name | None = None
    normalize: _Name | bool | None = None
    algorithm: _Name = ""
    weights_sha256: str | None = None


# Words of those who save networks, for what decides an action and is not read here.
_DECISIVE = re.compile(
    r"activ|squash|tanh|clip|scale|normali[sz]|norm$|rms|mean|std|var(iance)?$|distribution|filter",
    re.IGNORECASE,
)
_OUTPUTS = {"tanh": True, "identity": False}
"""What stands at the end of a chain of layers: whether it is squashed into the bounds."""


def expert_from_safetensors(file: Traversable | Path, env_id: str) -> MLPExpert | PixelExpert:
    """Read an expert; see `load_expert` for what is raised."""
    content = read_bytes(file, _MEND)
    card = _card(file)
    told = as_shape(card, _Card, f"the card of {file}", _MEND)
    if told.weights_sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise DataError(f"{file} was altered (its SHA-256 is not that of its card): {_MEND}")
    arrays = _arrays(content, file)
    card = {**_metadata(content, file), **card}
    told = as_shape(card, _Card, f"the header of {file}", _MEND)
    _refuse_unread(card, file)
    made_for = env_id if told.env is None else check_foreign_id(told.env, str(file))
    if EnvVariant.parse(made_for).env_id != EnvVariant.parse(env_id).env_id:
        raise EnvironmentMismatchError(
            f"{file} is an expert for {made_for}, not for {env_id}: give --env {made_for}, or "
            "another expert"
        )
    info = describe(env_id)
    if "encoder.convolutions.0.weight" not in arrays:
        return _mlp_expert(arrays, card, info, file, told)
    _refuse_of_the_other(told, ("activation", "output"), "pixels", file)
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    normalize = str("true" if told.normalize is None else told.normalize).lower() == "true"
    return pixel_expert(info, file, state, told.encoder or "small", normalize, card)


def _refuse_unread(card: Mapping[str, Any], file: Traversable | Path) -> None:
    """Raise where header or card say what may decide an action and is not read."""
    unread = [key for key in card if key not in _Card.__struct_fields__ and _DECISIVE.search(key)]
    if unread:
        raise DataError(
            f"{file}: its header or card says {unread[0]!r:.80}, whose effect on the action is not "
            "known here: activation, output, encoder and normalize are read"
        )


def _refuse_of_the_other(
    told: _Card, keys: tuple[str, ...], kind: str, file: Traversable | Path
) -> None:
    """Raise where an expert of one kind says what only the other kind has."""
    for key in keys:
        if getattr(told, key) is not None:
            raise DataError(
                f"{file}: an expert of {kind} has no {key!r}, and its header or card says "
                f"{getattr(told, key)!r}: what it means is not known here"
            )


def _arrays(content: bytes, file: Traversable | Path) -> Arrays:
    try:
        arrays: Arrays = load_arrays(content)
    except KeyError as error:  # a type of numbers that NumPy has not
        raise DataError(
            f"{file} has tensors of type {str(error)[:40]}, expected floats: save them as float32"
        ) from None
    except (SafetensorError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{file} is not a safetensors file ({reason}): {_MEND}") from error
    other = sorted(name for name, array in arrays.items() if array.dtype.kind != "f")
    if other:
        raise DataError(
            f"{file}: tensor {other[0]:.80} is of type {arrays[other[0]].dtype}, expected floats"
        )
    return arrays


def _mlp_expert(
    arrays: Arrays, card: dict[str, Any], info: EnvInfo, file: Traversable | Path, told: _Card
) -> MLPExpert:
    _refuse_of_the_other(told, ("encoder", "normalize"), "vectors", file)
    output = told.output or "tanh"
    if output not in _OUTPUTS:
        raise DataError(f"{file}: the output is {output!r}, and only tanh and identity are read")
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
    activation, squash = told.activation or "relu", _OUTPUTS[output]
    return mlp_expert(info, file, layers=layers, card=card, activation=activation, squash=squash)


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
    except (KeyError, RuntimeError, TypeError) as error:
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


def _metadata(content: bytes, file: Traversable | Path) -> dict[str, Any]:
    """The free-form strings in the header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    where = f"the header of {file}"
    header = parse_json(content[8 : 8 + length], dict[str, Any], where, _MEND)
    return as_shape(header.get("__metadata__") or {}, dict[str, Any], where, _MEND)


def _card(file: Traversable | Path) -> dict[str, Any]:
    """The card beside the weights, where there is one."""
    if isinstance(file, Path):
        beside: Traversable = file.with_suffix(".json")
        if file.with_suffix(".json").is_symlink():  # cards are copied into stores
            raise DataError(f"{beside} is a link: put the file that it leads to in its place")
    else:
        stem = file.name.removesuffix(".safetensors")
        beside = files("lrs_lightning.experts") / "shipped" / f"{stem}.json"
    if not beside.is_file():
        return {}
    card: dict[str, Any] = read_json(beside, dict[str, Any], _MEND)
    card.pop(CHECKSUM, None)
    return card
