"""How much an expert is disturbed while it demonstrates, episode by episode.

An undisturbed expert never shows how to come back from a mistake, and a student that makes one is
lost. So the executed action carries Gaussian noise while the label stays the expert's clean action
(DART, Laskey et al. 2017). A schedule of strengths, one for each episode, serves better than one
strength for all: quiet episodes teach precision, loud ones recovery.
"""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np

from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError

AUTO = "auto"
"""The schedule of the task, by the kind of its actions."""

_OF_DISCRETE = "0:0.1"
_OF_CONTINUOUS = "0:0.4"


def schedule_for(env: str, noise: str | float = AUTO) -> str:
    """What noise is meant.

    Args:
        env: environment id.
        noise: `"auto"`, or anything that `noise_schedule` takes, which is left as it is.

    Returns:
        For `"auto"`: `"0:0.1"`, a share of random actions, where actions are discrete, since few
        games are survived with more; else `"0:0.4"`, a deviation in units of the action.
    """
    if noise != AUTO:
        return as_text(noise)
    continuous = isinstance(describe(env).action_space, gym.spaces.Box)
    return _OF_CONTINUOUS if continuous else _OF_DISCRETE


def as_text(noise: str | float) -> str:
    """The one spelling of a strength: `0.3`, however it was given."""
    return noise if isinstance(noise, str) else f"{noise:g}"


def noise_schedule(noise: str | float, episodes: int) -> list[float]:
    """The standard deviation of the action noise of each episode.

    Args:
        noise: `"0:0.4"` for even steps from 0 to 0.4, `"0.3"` for one strength, `"0"` for none.
        episodes: number of episodes.

    Raises:
        ArgumentError: if it is not of this form, negative, or not finite.

    Example:
        >>> noise_schedule("0:0.4", 5)
        [0.0, 0.1, 0.2, 0.3, 0.4]
        >>> noise_schedule("0.3", 2)
        [0.3, 0.3]
    """
    parts = str(noise).split(":")
    try:
        ends = [float(part) for part in parts]
    except ValueError:
        ends = []
    if not 1 <= len(ends) <= 2 or any(not math.isfinite(end) or end < 0 for end in ends):
        raise ArgumentError(
            f"noise is {noise!r}, expected auto, one standard deviation such as 0.3, or a schedule "
            "such as 0:0.4, none of them negative"
        )
    return [round(float(sigma), 6) for sigma in np.linspace(ends[0], ends[-1], episodes)]
