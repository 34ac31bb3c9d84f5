"""Dynamics along trajectories: radius and norm of the Jacobian, Lyapunov spectrum, memory.

Jacobians of whole episodes would not fit into memory: they are made a stretch at a time, used for
everything, and forgotten. Groups of episodes run side by side in threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from lrs_lightning.analysis.lyapunov import LyapunovSpectrum
from lrs_lightning.analysis.memory import LAGS, memory_curves, starts
from lrs_lightning.analysis.recurrence import Recurrence, Replay
from lrs_lightning.analysis.spectra import spectral_norm, spectral_radius
from lrs_lightning.envs import available_cores
from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout.torch_policy import torch_threads

_NUMBERS = 4_000_000  # of the Jacobians of one stretch and thread: 32 MB, and as much again on top


@dataclass(frozen=True)
class DynamicsOptions:
    """What is measured, and where.

    Args:
        burn_in: steps at the start of an episode that are left out.
        every: the Jacobian's radius and norm are taken at every so many steps.
        lags: steps over which products are followed, K.
        windows: products in all; fewer where the episodes are short.
        qr_every: steps between two QR decompositions.
        exponents: Lyapunov exponents, from the largest; None for all, 0 for none.
        threads: groups of episodes at once; all cores by default.
    """

    burn_in: int = 50
    every: int = 10
    lags: int = LAGS
    windows: int = 240
    qr_every: int = 1
    exponents: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("every", "lags", "windows", "qr_every"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.burn_in < 0:
            raise ArgumentError(f"burn_in is {self.burn_in}: give at least 0")


@dataclass(frozen=True)
class Dynamics:
    """Of one policy along N trajectories.

    Args:
        radius: of the Jacobian at the sampled steps, `(M,)`.
        norm: the same of its spectral norm.
        exponents: `(N, S)`, nats per step; `(N, 0)` where none were asked for.
        memory: `state` and `action`, each `(windows, K + 1)`.
    """

    radius: Tensor
    norm: Tensor
    exponents: Tensor
    memory: dict[str, Tensor]


@torch.no_grad()
def dynamics(
    recurrence: Recurrence,
    replay: Replay,
    valid: Tensor | None = None,
    head: Tensor | None = None,
    options: DynamicsOptions | None = None,
) -> Dynamics:
    """Measure along N trajectories.

    Args:
        recurrence: the layers.
        replay: of all of them, `(T, N, ...)`.
        valid: bool `(T, N)`, steps that exist; all by default.
        head: `(A, P)`, for the memory of the action.
        options: what is measured, and where.
    """
    options = options or DynamicsOptions()
    if valid is None:
        valid = torch.ones(replay.inputs[0].shape[:2], dtype=torch.bool)
    workers = options.threads or available_cores()
    groups = torch.arange(valid.shape[1]).tensor_split(min(workers, valid.shape[1]))
    if len(groups) == 1:
        return _measure(recurrence, replay, valid, head, options, valid.shape[1])
    # One thread of torch for each group: small matrices gain nothing from more.
    with torch_threads(1), ThreadPoolExecutor(len(groups)) as pool:
        found = list(
            pool.map(
                lambda group: _measure(
                    recurrence,
                    replay.episodes(group),
                    valid[:, group],
                    head,
                    options,
                    valid.shape[1],
                ),
                groups,
            )
        )
    return Dynamics(
        torch.cat([one.radius for one in found]),
        torch.cat([one.norm for one in found]),
        torch.cat([one.exponents for one in found]),
        {name: torch.cat([one.memory[name] for one in found]) for name in found[0].memory},
    )


def _measure(
    recurrence: Recurrence,
    replay: Replay,
    valid: Tensor,
    head: Tensor | None,
    options: DynamicsOptions,
    episodes: int,
) -> Dynamics:
    """One group of episodes, out of `episodes` in all."""
    steps, group = valid.shape
    size = recurrence.state_size
    spectrum = LyapunovSpectrum(group, size, options.exponents, options.qr_every)
    counted = valid.clone()
    counted[: options.burn_in] = False
    sampled = torch.zeros_like(counted)
    sampled[options.burn_in :: options.every] = True
    sampled &= counted
    radii, norms = [], []
    stretch = max(1, _NUMBERS // (group * size * size))
    for start in range(0, steps, stretch):
        part = slice(start, min(start + stretch, steps))
        if options.exponents == 0:  # no other step is needed
            chosen = recurrence.jacobians(replay[part].at(sampled[part]))[0]
        else:
            jacobians = recurrence.jacobians(replay[part])
            spectrum.update(jacobians, counted[part])
            chosen = jacobians[sampled[part]]
        radii.append(spectral_radius(chosen))
        norms.append(spectral_norm(chosen))
    return Dynamics(
        torch.cat(radii) if radii else torch.zeros(0, dtype=torch.float64),
        torch.cat(norms) if norms else torch.zeros(0, dtype=torch.float64),
        spectrum.exponents(),
        _memory(recurrence, replay, valid, head, options, -(-options.windows // episodes)),
    )


def _memory(
    recurrence: Recurrence,
    replay: Replay,
    valid: Tensor,
    head: Tensor | None,
    options: DynamicsOptions,
    most: int,
) -> dict[str, Tensor]:
    """Curves of all windows that lie within their episode."""
    empty = torch.zeros(0, options.lags + 1, dtype=torch.float64)
    names = ("state",) if head is None else ("state", "action")
    found = {name: [empty] for name in names}
    for start in starts(len(replay), options.lags, options.burn_in, most):
        whole = valid[start + options.lags - 1].nonzero()[:, 0]
        if len(whole):
            curves = memory_curves(recurrence, replay.episodes(whole), start, options.lags, head)
            for name, values in curves.items():
                found[name].append(values)
    return {name: torch.cat(parts) for name, parts in found.items()}
