"""Channels that hardly vary, and first steps that are far from all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings.base import Finding, listed
from lrs_lightning.data.moments import Moments, near_constant
from lrs_lightning.data.task import Task

_FAR = 10.0  # deviations of the later steps; an episode that begins from rest is within 3
_SHARE = 0.5  # of the episodes, at least


class NearConstantChannels:
    """Channels of vectors whose deviation is no more than rounding."""

    def __init__(self, task: Task) -> None:
        self._moments = None if task.pixels else Moments(task.observation_shape)

    def add(self, episode: Demonstration, number: int) -> None:
        """Take in its observations."""
        if self._moments is not None:
            self._moments.add(np.asarray(episode.observations))

    def findings(self) -> list[Finding]:
        """One for all channels of which only rounding is left; one that never moves is none."""
        if self._moments is None or self._moments.count < 2:
            return []
        deviation = self._moments.deviation
        found = near_constant(self._moments.mean, deviation) & (deviation > 0)
        if not found.any():
            return []
        return [
            Finding(
                "near-constant channel",
                f"channel {listed(_names(found))}",
                f"deviation {deviation[found].max():.1e} where the median is "
                f"{np.median(deviation):.1e}",
                "it is only centred, never scaled up, and the policy will not see it move: leave "
                "it out, or give it in another unit if it means something",
            )
        ]


class FirstSteps:
    """First observations that no later one resembles: rows before the sensors were ready."""

    def __init__(self, task: Task) -> None:
        self._moments = None if task.pixels else Moments(task.observation_shape)
        self._first: list[NDArray[Any]] = []

    def add(self, episode: Demonstration, number: int) -> None:
        """Keep its first observation, and take in the others."""
        if self._moments is not None:
            seen = np.asarray(episode.observations)
            self._first.append(np.asarray(seen[0], np.float64))
            self._moments.add(seen[1:])

    def findings(self) -> list[Finding]:
        """One, where many episodes begin with such a row."""
        if self._moments is None or self._moments.count < 2:
            return []
        mean, deviation = self._moments.mean, self._moments.deviation
        varies = ~near_constant(mean, deviation)
        if not varies.any():
            return []
        first = np.array(self._first)[:, varies]  # (E, C)
        away = np.abs(first - mean[varies]) / deviation[varies]
        far = away.max(axis=1) > _FAR
        if far.mean() < _SHARE:
            return []
        channel = _names(varies)[int(np.median(away[far], axis=0).argmax())]
        return [
            Finding(
                "first step",
                f"episode {listed(np.flatnonzero(far))}",
                f"their first observation is up to {away[far].max():.0f} deviations from the later "
                f"ones, most in channel {channel}",
                "start_share draws a tenth of all windows from there: leave the first row out "
                "(drop: {first: 1}) if the sensors were not ready",
            )
        ]


def _names(found: NDArray[np.bool_]) -> list[str]:
    """Channels as one writes them: `3`, or `1, 0` as `1:0` of a matrix."""
    return [":".join(map(str, index)) for index in np.argwhere(found).tolist()]
