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
from lrs_lightning.experts.sb3_layers import Actor, find_actor
from lrs_lightning.experts.sb3_options import Options
from lrs_lightning.experts.sb3_statistics import find_statistics, read_statistics

_NATURE = ((32, 8), (64, 4), (64, 3))


def expert_from_zip(
    path: Path, env_id: str, statistics: str | Path | None = None
) -> MLPExpert | PixelExpert:
    """Read what `model.save()` of Stable-Baselines3 wrote, as a deterministic expert.

    Args:
        path: the zip.
        env_id: the task.
        statistics: what `VecNormalize.save()` wrote; `"none"` where there was none; by default the
            file beside the zip, if there is one.

    Raises:
        DataError: the zip is damaged, holds code, or a policy that cannot be read to the last
            tensor and option; or it was trained under a `VecNormalize` whose file is missing.
        EnvironmentMismatchError: its spaces are not those of the task.
        ArgumentError: no such statistics, or several beside the zip.
    """
    info = describe(env_id)
    state, options = read_zip(path)
    actions = info.action_space
    number = int(actions.n) if isinstance(actions, gym.spaces.Discrete) else 1
    try:
        found = find_actor(state, options, number)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    file = _statistics_file(path, statistics, options)
    card = {"env": info.env_id, "algorithm": options.algorithm, "source": path.name}
    if file is not None:
        card["statistics"] = file.name
    normalisation = None if file is None else read_statistics(file)
    if found.convolutions:
        if normalisation is not None or not options.normalize_images:
            raise DataError(f"{path}: pixels that are normalised other than by 255 are not read")
        return _pixels(found, info, path, card)
    layers = [(w.numpy().astype(np.float32), b.numpy().astype(np.float32)) for w, b in found.layers]
    return mlp_expert(
        info,
        path,
        layers=layers,
        card=card,
        activation=options.activation,
        squash=found.squash,
        clip_output=found.clip_output,
        normalisation=normalisation,
    )


def _statistics_file(path: Path, given: str | Path | None, options: Options) -> Path | None:
    if given is not None:
        return None if str(given) == "none" else Path(given)
    found = find_statistics(path)
    if found is None and options.normalised:
        raise DataError(
            f"{path} was trained under VecNormalize, whose statistics lie in another file (often "
            "vecnormalize.pkl): put it beside the zip or name it with --statistics; 'none' if only "
            "rewards were normalised"
        )
    return found


def _pixels(found: Actor, info: EnvInfo, path: Path, card: dict[str, Any]) -> PixelExpert:
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
