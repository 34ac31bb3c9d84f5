"""Elapsed times of steps: what a cell in continuous time reads where steps are uneven.

A policy counts in the usual interval of its demonstrations (`Task.time_unit`): that is one, as in
closed loop, where nobody gives it times. Recordings whose intervals are all alike therefore need
no timespans.

Nothing came before the first step of an episode: it is as long as a usual one. That is one in
training, and what every step lasts in closed loop, in files that are played and in the analysis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.task import Task

EVEN = 1e-3
"""Relative difference of intervals up to which they are alike: clocks round."""


def time_unit_of(episodes: Iterable[Demonstration]) -> float | None:
    """Median interval of all steps in seconds; None where they are alike, or no time is known."""
    intervals = [np.diff(np.asarray(e.time, np.float64)) for e in episodes if e.time is not None]
    known = np.concatenate(intervals) if intervals else np.zeros(0)
    if not known.size:
        return None
    unit = float(np.median(known))
    return None if np.all(np.abs(known - unit) <= EVEN * unit) else unit


def timespans_of(episodes: Sequence[Demonstration], unit: float) -> Tensor:
    """Seconds since the step before, of episodes laid end to end, `(sum of L,)`.

    The first step of an episode, and every step of one without times, has waited for one unit.
    """
    return torch.from_numpy(np.concatenate([_of(episode, unit) for episode in episodes])).float()


def _of(episode: Demonstration, unit: float) -> NDArray[np.float64]:
    spans = np.full(len(episode), unit)
    if episode.time is not None:
        spans[1:] = np.diff(np.asarray(episode.time, np.float64)[: len(episode)])
    return spans


def timespan_of(task: Task) -> float | None:
    """How long a step of the closed loop lasts in the policy's unit of time.

    None stands for one: the demonstrations were even, or the environment does not say how long its
    step is.
    """
    if task.time_unit is None:
        return None
    from lrs_lightning.envs import describe  # the simulators take a second to import

    seconds = describe(task.env).step_seconds
    return None if seconds is None else seconds / task.time_unit
