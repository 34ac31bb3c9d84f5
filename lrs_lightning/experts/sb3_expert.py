"""From the tensors of a Stable-Baselines3 policy to an expert of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from lrs_lightning.envs import EnvInfo, describe
from lrs_lightning.errors import DataError
from lrs_lightning.experts.files import mlp_expert, pixel_expert
from lrs_lightning.experts.mlp import MLPExpert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.sb3 import read_zip
from lrs_lightning.experts.sb3_layers import Found, find_actor

_NATURE = ((32, 8), (64, 4), (64, 3))


def expert_from_zip(path: Path, env_id: str) -> MLPExpert | PixelExpert:
    """Read what `model.save()` of Stable-Baselines3 wrote, as a deterministic expert.

    Statistics of a `VecNormalize` lie in another file, a pickle, and are not read: a policy that
    was trained with one does not act as it did.

    Raises:
        DataError: the zip is damaged, holds code, or a policy that cannot be read.
        EnvironmentMismatchError: its spaces are not those of the task.
    """
    info = describe(env_id)
    state, about = read_zip(path)
    actions = info.action_space
    number = int(actions.n) if isinstance(actions, gym.spaces.Discrete) else 1
    try:
        found = find_actor(state, about, number)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    card = {"env": info.env_id, "algorithm": found.algorithm, "source": path.name}
    if found.convolutions:
        return _pixels(found, info, path, card)
    layers = [(w.numpy().astype(np.float32), b.numpy().astype(np.float32)) for w, b in found.layers]
    return mlp_expert(
        info,
        path,
        layers=layers,
        card=card,
        activation=found.activation,
        squash=found.squash,
    )


def _pixels(found: Found, info: EnvInfo, path: Path, card: dict[str, Any]) -> PixelExpert:
    sizes = tuple((w.shape[0], w.shape[-1]) for w, _ in found.convolutions)
    if sizes != _NATURE or len(found.layers) != 2:
        raise DataError(
            f"{path}: the policy has convolutions {sizes}, and only the Nature network {_NATURE} "
            "with one hidden layer is read"
        )
    state = {}
    for i, (weight, bias) in enumerate(found.convolutions):
        state[f"encoder.convolutions.{2 * i}.weight"] = weight
        state[f"encoder.convolutions.{2 * i}.bias"] = bias
    for name, (weight, bias) in zip(("encoder.head.1", "head"), found.layers, strict=True):
        state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
    return pixel_expert(info, path, state, "nature", False, card)
