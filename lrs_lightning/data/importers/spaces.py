"""Gymnasium's spaces as Minari writes them, and observations of several parts as one vector."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

_LARGEST = 1 << 24
Array = NDArray[Any]


def read_space(text: Any, where: str) -> gym.spaces.Space[Any]:
    """A space from its JSON text; nothing in it is imported or run.

    Raises:
        DataError: it is no space that can be trained on.
    """
    try:
        # Minari writes infinite bounds as Python's json does, which is no JSON for others.
        values = json.loads(text) if isinstance(text, (str, bytes)) else text
        return _space(values)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except (KeyError, TypeError, ValueError, AssertionError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where} describes no space ({reason})") from None


def _space(values: Mapping[str, Any]) -> gym.spaces.Space[Any]:
    kind = values["type"]
    if kind == "Box":
        shape = tuple(int(size) for size in values["shape"])
        if np.prod(shape, dtype=np.float64) > _LARGEST:
            raise DataError(f"a box of shape {shape} is more than any task shows")
        dtype = np.dtype(str(values["dtype"])).type
        low, high = (np.asarray(values[end], np.float64).astype(dtype) for end in ("low", "high"))
        wide = [np.broadcast_to(end, shape).copy() for end in (low, high)]
        return gym.spaces.Box(wide[0], wide[1], shape, dtype)
    if kind == "Discrete":
        return gym.spaces.Discrete(int(values["n"]), start=int(values.get("start", 0)))
    if kind == "MultiDiscrete":
        return gym.spaces.MultiDiscrete(np.asarray(values["nvec"], np.int64))
    if kind == "Dict":
        parts = {str(name): _space(part) for name, part in values["subspaces"].items()}
        return gym.spaces.Dict(parts)
    if kind == "Tuple":
        return gym.spaces.Tuple([_space(part) for part in values["subspaces"]])
    raise DataError(f"a space of type {str(kind)[:40]!r} cannot be trained on")


def leaves(space: gym.spaces.Space[Any], above: str = "") -> Iterator[tuple[str, gym.spaces.Box]]:
    """Name and box of every part, in the order of Gymnasium's own `flatten`.

    Args:
        space: a box, or a Dict or Tuple of boxes.
        above: name of the whole.

    Raises:
        DataError: a part is no box.
    """
    if isinstance(space, gym.spaces.Box):
        yield above, space
    elif isinstance(space, gym.spaces.Dict):
        for name, part in space.spaces.items():
            yield from leaves(part, f"{above}/{name}")
    elif isinstance(space, gym.spaces.Tuple):
        for number, part in enumerate(space.spaces):
            yield from leaves(part, f"{above}/_index_{number}")
    else:
        raise DataError(f"{above.lstrip('/') or 'it'} is {space}, expected numbers in a box")


def together(parts: list[Array]) -> Array:
    """Arrays `(L, ...)` of all leaves as one `(L, width)`."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def apart(values: Array, boxes: list[gym.spaces.Box]) -> list[Array]:
    """What `together` made one of, in the shapes and types of the leaves."""
    widths = [int(np.prod(box.shape, dtype=np.int64)) for box in boxes]
    pieces = np.split(values, np.cumsum(widths)[:-1], axis=1)
    return [
        piece.reshape(len(values), *box.shape).astype(box.dtype, copy=False)
        for piece, box in zip(pieces, boxes, strict=True)
    ]
