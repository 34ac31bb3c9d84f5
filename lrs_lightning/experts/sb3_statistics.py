"""The statistics that Stable-Baselines3's `VecNormalize` leaves beside a policy.

They lie in a pickle of their own. Its numbers are read, and nothing that it names is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.experts.inert_pickle import Record, array_of, read_inert
from lrs_lightning.experts.normalisation import Normalisation

_LARGEST = 16 << 20


def find_statistics(path: Path) -> Path | None:
    """The one `*vec*normalize*.pkl` beside a zip, if there is one.

    Raises:
        ArgumentError: there are several.
    """
    beside = sorted(
        file
        for file in path.parent.glob("*.pkl")
        if "vecnormalize" in file.name.lower().replace("_", "").replace("-", "")
    )
    named = [file for file in beside if path.stem in file.name]
    found = named or beside
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ArgumentError(
            f"{path} may belong to any of {names}: say which with --statistics, or 'none'"
        )
    return found[0] if found else None


def read_statistics(path: Path) -> Normalisation | None:
    """Read what `VecNormalize.save()` wrote; None where it left observations as they were.

    Raises:
        ArgumentError: there is no such file.
        DataError: it is damaged, or not of `VecNormalize`, or normalises other than vectors.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _LARGEST else b""
    except OSError as error:
        raise ArgumentError(f"cannot read the statistics {path} ({error.strerror})") from None
    if size > _LARGEST:
        raise DataError(f"{path} has {size >> 20} MiB, more than any statistics")
    try:
        return _normalisation(_state(read_inert(content)))
    except DataError as error:
        raise DataError(f"{path} holds no statistics of VecNormalize: {error}") from None


def _state(value: Any) -> dict[str, Any]:
    state = value.state if isinstance(value, Record) else None
    if not isinstance(state, dict) or "obs_rms" not in state:
        raise DataError("it has no obs_rms")
    return state


def _normalisation(state: dict[str, Any]) -> Normalisation | None:
    if state.get("norm_obs") is False:
        return None
    moments = state["obs_rms"].state if isinstance(state["obs_rms"], Record) else None
    if not isinstance(moments, dict) or not {"mean", "var"} <= moments.keys():
        raise DataError("its obs_rms is not of one vector")
    mean, variance = _vector(moments["mean"]), _vector(moments["var"])
    limit, epsilon = array_of(state.get("clip_obs", 10.0)), array_of(state.get("epsilon", 1e-8))
    return Normalisation(mean, variance, float(epsilon), float(limit))


def _vector(value: Any) -> NDArray[np.float64]:
    # SB3 flattens after it has normalised; a channel's statistics stay with the channel.
    return array_of(value).reshape(-1)
