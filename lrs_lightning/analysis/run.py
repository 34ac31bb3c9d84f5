"""One trained policy, looked at as a whole: weights, scenes, figures, table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis import figures
from lrs_lightning.analysis.dynamics import DynamicsOptions
from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.proxies import WEIGHTS, scene_proxies, weight_proxies
from lrs_lightning.analysis.scene import Pair, Scene, measure_scene
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.table import Row, scene_rows, weight_rows
from lrs_lightning.analysis.trajectories import Trajectories
from lrs_lightning.analysis.weights import (
    MatrixSummary,
    compare_matrices,
    gate_names,
    recurrent_matrices,
)

Array = NDArray[Any]
PIXELS = np.array(255.0)


@dataclass(frozen=True)
class Analysis:
    """Everything that was measured of one policy.

    Args:
        name: of the run.
        subject: the policy taken apart.
        weights: of each recurrent layer, by state; see `compare_matrices`.
        scenes: by `Scene.label`.
        about: what else is known of it, e.g. its cell.
    """

    name: str
    subject: Subject
    weights: list[dict[str, MatrixSummary]]
    scenes: dict[str, Scene]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the recurrent matrices."""
        return gate_names(self.subject.layer)

    @property
    def radius(self) -> float:
        """Largest spectral radius of W_rec over the gates of the first layer."""
        return float(self.weights[0]["trained"].radius.max())

    def rows(self) -> Iterator[Row]:
        """The tidy table."""
        yield from weight_rows(self.name, self.gates, self.weights)
        for scene in self.scenes.values():
            yield from scene_rows(self.name, scene)

    def pictures(self) -> list[Picture]:
        """All figures, in the order in which they are read."""
        found: list[Picture | None] = [figures.matrices(self.gates, self.weights)]
        if self.scenes:
            found += compared(self.scenes, dict.fromkeys(self.scenes, self.radius))
            found += [figures.drives(self.scenes, i) for i in range(len(self.weights))]
        found += [figures.gates(s, self.subject.recurrence.cells[0]) for s in self.scenes.values()]
        return [one for one in found if one is not None]

    def proxies(self) -> dict[str, dict[str, float]]:
        """Proxies of robustness: of the weights, and on the clean scene of each kind."""
        clean = {s.kind: scene_proxies(s) for s in self.scenes.values() if s.condition == "clean"}
        return {WEIGHTS: weight_proxies(self.weights[0]), **clean}


def compared(
    scenes: Mapping[str, Scene], connectivity: Mapping[str, float] | None = None
) -> list[Picture | None]:
    """The figures that compare scenes, be they of one policy or of several."""
    return [
        figures.jacobians(scenes, connectivity),
        figures.lyapunov(scenes),
        figures.memory(scenes),
        figures.responses(scenes),
    ]


def analyse(
    name: str,
    subject: Subject,
    trajectories: Sequence[Trajectories],
    scale: Array,
    initial: list[Tensor] | None = None,
    options: DynamicsOptions | None = None,
    pairs: Mapping[int, Pair] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Analysis:
    """Measure a policy.

    Args:
        name: of the run.
        subject: the policy.
        trajectories: along which it is looked at.
        scale: deviation of each channel of an observation; `PIXELS` for pictures.
        initial: recurrent matrices before training, if known.
        options: of the dynamics.
        pairs: for the trajectories at these places, what tells what their sensors do to the gates.
        about: what else is known of the policy.
    """
    weights = compare_matrices(recurrent_matrices(subject.layer), initial)
    scenes = [
        measure_scene(subject, seen, scale, options, (pairs or {}).get(place))
        for place, seen in enumerate(trajectories)
    ]
    return Analysis(name, subject, weights, {s.label: s for s in scenes}, about or {})


def default_folder(run: str | Path) -> Path:
    """`RUN/analysis`, beside what the run is; of a checkpoint that of its run folder."""
    path = Path(run)
    if path.is_dir():
        return path / "analysis"
    folder = path.parent
    return (folder.parent if folder.name == "checkpoints" else folder) / "analysis"
