"""How an environment says that its task is solved, and how many of them say so at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NAMES = ("is_success", "success")
"""The keys by which environments tell it in their infos, the usual one first."""


def success_of(info: Mapping[str, Any]) -> bool | None:
    """Whether one environment calls its task solved; None where it does not say."""
    told = next((info[name] for name in NAMES if info.get(name) is not None), None)
    return None if told is None else bool(np.all(told))


def success_info(solved: Mapping[int, bool], num_envs: int) -> dict[str, Any]:
    """Gymnasium's form for what only some environments report: values, and a mask of them."""
    if not solved:
        return {}
    values, mask = np.zeros(num_envs, bool), np.zeros(num_envs, bool)
    for row, value in solved.items():
        values[row], mask[row] = value, True
    return {NAMES[0]: values, f"_{NAMES[0]}": mask}


def told_successes(infos: Mapping[str, Any], num_envs: int) -> dict[int, bool]:
    """Row -> whether it is solved, of those that say so in the infos of a vector environment."""
    name = next((name for name in NAMES if name in infos), None)
    if name is None:
        return {}
    mask = np.asarray(infos.get(f"_{name}", np.ones(num_envs, bool)), bool)
    return {int(i): bool(infos[name][i]) for i in np.flatnonzero(mask)}
