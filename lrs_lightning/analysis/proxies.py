"""Proxies against robustness: does a number that is cheap to measure tell who holds up?

A proxy is one number of a trained policy: a radius, a rank, a span. Over many runs it is ranked
against the return under shift; what the clean return already tells is taken out (partial rank
correlation), for a policy that plays better clean usually plays better shifted too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrs_lightning.analysis.correlations import Correlation, spearman
from lrs_lightning.analysis.memory import span
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.analysis.weights import MatrixSummary
from lrs_lightning.errors import DataError
from lrs_lightning.statistics import Summary
from lrs_lightning.statistics.returns import CLEAN

WEIGHTS = "weights"
"""Where proxies stand that need no trajectory."""

FEWEST = 6
"""Runs below which a partial correlation has no interval."""


@dataclass(frozen=True)
class Outcome:
    """What a run earned, as shares of the expert's return where references are known."""

    clean: float
    shifted: float
    """Mean over the shifted conditions."""


@dataclass(frozen=True)
class Measured:
    """One run.

    Args:
        name: of the run.
        outcome: its returns.
        proxies: kind of trajectory -> proxy -> value.
    """

    name: str
    outcome: Outcome
    proxies: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Association:
    """A proxy on one kind of trajectory, over n runs.

    Args:
        proxy: its name.
        kind: `own`, `common` or `weights`.
        clean: rank correlation with the clean return.
        shifted: with the shifted return.
        partial: with the shifted return, the clean return taken out.
        comparisons: associations that were looked at together.
    """

    proxy: str
    kind: str
    clean: Correlation
    shifted: Correlation
    partial: Correlation
    comparisons: int


def read_outcome(run: str | Path, conditions: Sequence[str] | None = None) -> Outcome:
    """Returns of a run folder, from its `summary.json`.

    Args:
        run: the folder.
        conditions: the shifted conditions that count; all by default.

    Raises:
        DataError: no summary, or one without the clean or any shifted condition.
    """
    if not (Path(run) / "summary.json").is_file():
        raise DataError(f"{run} has no summary.json: play it with {_play(run)}")
    summary = Summary.read(run)
    known = {c["condition"]: _return(c) for c in summary.conditions}
    wanted = [c for c in known if c != CLEAN] if conditions is None else list(conditions)
    missing = [c for c in (CLEAN, *wanted) if known.get(c) is None]
    if missing or not wanted:
        what = ", ".join(missing) or "any shifted condition"
        raise DataError(f"{Path(run) / 'summary.json'} lacks {what}: play it with {_play(run)}")
    values = [v for c in wanted if (v := known[c]) is not None]
    return Outcome(float(known[CLEAN] or 0.0), float(np.mean(values)))


def _play(run: str | Path) -> str:
    return f"`python -m lrs_lightning evaluate --policy {run} --out {run}`"


def _return(condition: Mapping[str, Any]) -> float | None:
    share = condition.get("expert_normalized")
    return condition.get("return_mean") if share is None else share


def weight_proxies(states: Mapping[str, MatrixSummary]) -> dict[str, float]:
    """Proxies of the matrices of one layer: largest radius and norm over gates, ranks of ΔW."""
    trained = states["trained"]
    found = {"radius of W": float(trained.radius.max()), "norm of W": float(trained.norm.max())}
    if "change" in states:
        change = states["change"]
        found["stable rank of ΔW"] = float(change.stable_rank.mean())
        found["effective rank of ΔW"] = float(change.effective_rank.mean())
    return found


def scene_proxies(scene: Scene) -> dict[str, float]:
    """Proxies along trajectories, of the last layer where there are several."""
    moving, driven = scene.dynamics, scene.drives[-1]
    exponents = moving.exponents[:, :1]
    found = {
        "radius of J": _mean(moving.radius),
        "norm of J": _mean(moving.norm),
        "largest exponent": _mean(exponents[exponents.isfinite()]),
    }
    found |= {
        f"span of the {k}": _mean(span(curves).double()) for k, curves in moving.memory.items()
    }
    found |= {
        "variance in five": driven.state.in_five,
        "components for 90 %": float(driven.state.for_ninety),
        "participation ratio": driven.state.participation,
        "recurrent share": float(np.mean(list(driven.recurrent_share.values()))),
    }
    if scene.response is not None:
        found["response of the action"] = _mean(scene.response.output[:, 0])
    return found


def associate(runs: Sequence[Measured]) -> list[Association]:
    """Correlate every proxy that all runs have with their returns.

    Raises:
        DataError: fewer than `FEWEST` runs.
    """
    if len(runs) < FEWEST:
        raise DataError(
            f"{len(runs)} runs with returns are too few to correlate proxies with robustness: "
            f"train at least {FEWEST} with different seeds or priors"
        )
    clean = [run.outcome.clean for run in runs]
    shifted = [run.outcome.shifted for run in runs]
    table = {
        (kind, proxy): values
        for kind in runs[0].proxies
        for proxy in runs[0].proxies[kind]
        if all(map(math.isfinite, values := _column(runs, kind, proxy)))
    }
    return [
        Association(
            proxy,
            kind,
            spearman(values, clean),
            spearman(values, shifted),
            spearman(values, shifted, [clean]),
            len(table),
        )
        for (kind, proxy), values in table.items()
    ]


def _column(runs: Sequence[Measured], kind: str, proxy: str) -> list[float]:
    return [float(run.proxies.get(kind, {}).get(proxy, math.nan)) for run in runs]


def _mean(values: Tensor) -> float:
    return float(values.double().mean()) if values.numel() else torch.nan
