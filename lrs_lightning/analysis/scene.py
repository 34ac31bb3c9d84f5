"""Everything that is measured of one policy along one set of trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis.drives import Drives, drives
from lrs_lightning.analysis.dynamics import Dynamics, DynamicsOptions, dynamics
from lrs_lightning.analysis.gates import GateShift, gate_shift
from lrs_lightning.analysis.memory import starts
from lrs_lightning.analysis.recurrence import Replay
from lrs_lightning.analysis.response import Response, response
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.trajectories import Trajectories

Array = NDArray[Any]
Pair = tuple[Trajectories, Trajectories]
"""The same states seen by clean sensors, and by shifted ones."""

DISTURBANCE = 0.1
"""Size of one disturbed observation, in deviations of each channel; of pixels, in shares of 255."""
_SAMPLES = 20_000  # steps for principal components and gates; more change no digit that is shown
_DISTURBED = 5  # steps of each episode that are disturbed, one at a time


@dataclass(frozen=True)
class Scene:
    """What was measured.

    Args:
        kind: `own` or `common`.
        condition: the world.
        episodes: N.
        steps: of all of them.
        returns: of the episodes.
        dynamics: Jacobians, Lyapunov spectrum, memory.
        drives: of each recurrent layer.
        response: to one disturbed observation; None where all episodes are too short.
        gates: what this world's sensors do to the gates; None in the clean world, and where a shift
            changes more than what is seen.
    """

    kind: str
    condition: str
    episodes: int
    steps: int
    returns: list[float]
    dynamics: Dynamics
    drives: list[Drives]
    response: Response | None
    gates: GateShift | None = None

    @property
    def label(self) -> str:
        """`own, clean`."""
        return f"{self.kind}, {self.condition}"


def measure_scene(
    subject: Subject,
    seen: Trajectories,
    scale: Array,
    options: DynamicsOptions | None = None,
    pair: Pair | None = None,
    seed: int = 0,
) -> Scene:
    """Measure a policy along trajectories.

    Args:
        subject: the policy.
        seen: what it reads.
        scale: deviation of each channel of an observation, the unit of disturbances; of pixels 255.
        options: of the dynamics.
        pair: the same states seen by clean and by shifted sensors, for what this does to the gates.
        seed: of the disturbances and of the steps that are drawn where there are too many.
    """
    options = options or DynamicsOptions()
    features, valid = subject.features(seen.observations)
    replay = subject.recurrence.replay(features)
    chosen = _chosen(valid, options.burn_in, seed)
    parts = zip(replay.inputs, replay.before, replay.after, strict=True)
    driven = [
        drives(cell, *(part[chosen] for part in layer))
        for cell, layer in zip(subject.recurrence.cells, parts, strict=True)
    ]
    return Scene(
        seen.kind,
        seen.condition,
        len(seen.observations),
        seen.steps,
        seen.returns,
        dynamics(subject.recurrence, replay, valid, subject.head, options),
        driven,
        _response(subject, seen.observations, replay, scale, options, seed),
        None if pair is None else _gates(subject, pair, scale, options.burn_in, seed),
    )


def _chosen(valid: Tensor, burn_in: int, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the steps behind the burn-in; all steps where episodes are shorter than that."""
    late = valid.clone()
    late[:burn_in] = False
    steps, episodes = (late if bool(late.any()) else valid).nonzero(as_tuple=True)
    if len(steps) > _SAMPLES:
        some = torch.randperm(len(steps), generator=torch.Generator().manual_seed(seed))[:_SAMPLES]
        steps, episodes = steps[some], episodes[some]
    return steps, episodes


def _response(
    subject: Subject,
    observations: Sequence[Array],
    replay: Replay,
    scale: Array,
    options: DynamicsOptions,
    seed: int,
) -> Response | None:
    needed = options.burn_in + options.lags + 1
    whole = [n for n, episode in enumerate(observations) if len(episode) >= needed]
    if not whole:
        return None
    length = min(len(observations[n]) for n in whole)
    at = starts(length, options.lags + 1, options.burn_in, _DISTURBED)
    random = np.random.default_rng(seed)
    disturbed = [
        disturb(np.stack([observations[n][start] for n in whole]), scale, random) for start in at
    ]
    features, _ = subject.features(disturbed)  # (N, starts, I)
    own = replay[:length].episodes(whole)
    return response(
        subject.recurrence, own, features.transpose(0, 1), at, options.lags, subject.read_out
    )


def disturb(observations: Array, scale: Array, random: np.random.Generator) -> Array:
    """Observations `(M, ...)` with noise of `DISTURBANCE` deviations; pixels stay pixels."""
    noise = DISTURBANCE * scale * random.standard_normal(observations.shape)
    if observations.dtype == np.uint8:
        return np.clip(np.rint(observations + noise), 0, 255).astype(np.uint8)
    return (observations + noise).astype(observations.dtype)


def _gates(subject: Subject, pair: Pair, scale: Array, burn_in: int, seed: int) -> GateShift:
    clean, shifted = pair
    calm, valid = subject.features(clean.observations)
    moved, _ = subject.features(shifted.observations)
    chosen = _chosen(valid, burn_in, seed)
    places = zip(*(index.tolist() for index in chosen), strict=True)
    distance = [
        _distance(shifted.observations[n][t], clean.observations[n][t], scale) for t, n in places
    ]
    single = len(subject.recurrence.cells) == 1
    return gate_shift(
        subject.recurrence.cells[0],
        subject.recurrence.replay(calm).before[0][chosen],
        calm[chosen],
        moved[chosen],
        torch.tensor(distance, dtype=torch.float64),
        subject.read_out if single else None,
    )


def _distance(shifted: Array, clean: Array, scale: Array) -> float:
    """Root mean square change of an observation, in deviations."""
    change = (shifted.astype(np.float64) - clean.astype(np.float64)) / scale
    return float(np.sqrt(np.mean(change**2)))
