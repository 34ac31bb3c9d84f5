"""The actor of sbx as a safetensors file of ours: proved, renamed, nothing else in it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from lrs_lightning.errors import DataError, NotFiniteError
from lrs_lightning.experts.activations import find_activation


def actor_content(model: Any, env_id: str) -> bytes:
    """The bytes of an expert's file: the actor of a training as it is now.

    Args:
        model: sbx's SAC.
        env_id: the task.

    Raises:
        DataError: it is another network than SAC's.
        NotFiniteError: a weight is NaN or infinite.
    """
    steps = int(model.num_timesteps)
    header = {"env": env_id, "algorithm": "SAC", "steps": str(steps)}
    header |= {"activation": actor_activation(model.policy), "output": "tanh"}
    layers = actor_layers(model.policy.actor_state.params)
    if not all(np.isfinite(layer).all() for layer in layers.values()):
        raise NotFiniteError(
            f"after {steps:,} steps the actor's weights are not finite: the training has diverged, "
            "and what was saved before it did is as it was"
        )
    return bytes(save(layers, header))


def actor_layers(params: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Our names and layout for the actor of sbx: `Dense_0`, ... up to the mean, whose twin is last.

    The last layer, `log(std)`, has a part in exploration alone. Nothing else may be there.

    Raises:
        DataError: the parameters are those of another network.
    """
    params = params.get("params", params)
    count = max(2, sum(name.startswith("Dense_") for name in params) - 1)
    try:
        found = [params[f"Dense_{i}"] for i in range(count)]
    except KeyError as error:
        raise DataError(f"the actor has no layer {error}: it is not the network of SAC") from None
    _prove_actor(params, found)
    layers = {}
    for i, layer in enumerate(found):
        layers[f"layers.{i}.weight"] = np.ascontiguousarray(
            np.asarray(layer["kernel"], np.float32).T
        )
        layers[f"layers.{i}.bias"] = np.asarray(layer["bias"], np.float32)
    return layers


def actor_activation(policy: Any) -> str:
    """The name of what stands between the layers of sbx's actor.

    Raises:
        DataError: it is none that experts are read with.
    """
    function = getattr(policy, "activation_fn", None)
    if function is None:  # of versions that have no other
        return "relu"
    name = str(getattr(function, "__name__", function)).lower()
    find_activation(name)
    return name


def _prove_actor(params: Mapping[str, Any], hidden_and_mean: list[Any]) -> None:
    """Raise unless these layers and `log(std)` are all there is, a matrix and a bias each."""
    names = [f"Dense_{i}" for i in range(len(hidden_and_mean) + 1)]
    other = sorted(params.keys() ^ set(names))
    if other:
        raise DataError(f"the actor has or lacks {other[0]!r}: it is not the network of SAC")
    shapes = []
    for name in names:
        if params[name].keys() != {"kernel", "bias"}:
            raise DataError(f"{name} of the actor is no layer with kernel and bias")
        kernel, bias = (np.shape(params[name][part]) for part in ("kernel", "bias"))
        if len(kernel) != 2 or bias != kernel[1:]:
            raise DataError(f"{name} of the actor has kernel {kernel} and bias {bias}")
        shapes.append(kernel)
    *chain, spread = shapes
    joined = all(before[1] == after[0] for before, after in pairwise(chain))
    if not joined or spread != chain[-1]:
        raise DataError(f"the layers of the actor have shapes {shapes}: it is not SAC's network")
