"""A figure with its name and the sentence under it, and helpers that keep all of them alike."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis.scene import Scene
from lrs_lightning.report.plots import style

BAND = "bands: 5th to 95th percentile"
_TOLD = 6  # scenes that a caption names one by one
_WRAP = 15.5  # characters of the caption in an inch of a figure


@dataclass(frozen=True)
class Picture:
    """A figure that can be read alone.

    Args:
        name: of its files.
        figure: it.
        caption: one sentence: what is seen.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Look:
    """How one scene is drawn in every figure: a colour, and beside it a dash for those who need it.

    Args:
        color: of lines and marks.
        line: matplotlib's line style.
    """

    color: str
    line: Any = "-"

    @property
    def fill(self) -> str:
        """Colour inside marks and bars: hollow ones belong to broken lines."""
        return self.color if self.line == "-" else style.PAPER

    @property
    def marks(self) -> dict[str, Any]:
        """What `plot` is told of a mark."""
        return {"color": self.color, "markerfacecolor": self.fill, "markeredgewidth": 1.2}


_LINES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)))


def looks(scenes: Mapping[str, Scene]) -> list[Look]:
    """One look for each scene.

    Scenes of one policy: a colour for each world, and a broken line on the common trajectory. Of
    several policies: a colour for each, and other lines where the colours are used up.
    """
    places = [(scene.kind, scene.condition) for scene in scenes.values()]
    if len(set(places)) == len(places):
        kinds, worlds = (list(dict.fromkeys(column)) for column in zip(*places, strict=True))
        return [Look(style.series(worlds.index(w)), _LINES[kinds.index(k)]) for k, w in places]
    count = len(style.SERIES)
    return [Look(style.series(i), _LINES[i // count % len(_LINES)]) for i in range(len(places))]


def where(scenes: Mapping[str, Scene]) -> str:
    """Which trajectory it is, for a caption, where the names of the scenes do not say it."""
    labels = {scene.label for scene in scenes.values()}
    if len(labels) > 1 or labels == set(scenes):
        return ""
    first = next(iter(scenes.values()))
    return f" on {first.kind} trajectories, {first.condition}"


def counted(numbers: Sequence[int]) -> str:
    """`285`, or `210 to 285` where scenes differ."""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def episodes(scenes: Mapping[str, Scene]) -> str:
    """`3 episodes each`."""
    numbers = [scene.episodes for scene in scenes.values()]
    noun = "episode" if max(numbers) == 1 else "episodes"
    return f"{counted(numbers)} {noun}{' each' if len(numbers) > 1 else ''}"


def each(values: Mapping[str, float], form: Callable[[float], str]) -> str:
    """`0.2 (a), 0.3 (b) and 0.1 (c)`; of many `0.1 (c) to 0.9 (k)`."""
    told = {name: f"{form(value)} ({name})" for name, value in values.items()}
    if len(values) <= _TOLD:
        return listed(list(told.values()))
    order = sorted(values, key=values.__getitem__)
    return f"{told[order[0]]} to {told[order[-1]]}"


def sign(figure: Figure, caption: str) -> None:
    """Write the caption under a figure."""
    width = int(figure.get_figwidth() * _WRAP)
    figure.supxlabel(
        textwrap.fill(caption, width), x=0.01, ha="left", fontsize=8.5, color=style.MUTED
    )


def picture(name: str, figure: Figure, caption: str) -> Picture:
    """A picture whose caption also stands under the figure."""
    sign(figure, caption)
    return Picture(name, figure, caption)


def legend(figure: Figure, labels: Sequence[str], handles: Sequence[Any]) -> None:
    """A frameless legend above the panels, where the caption does not stand; none for one entry."""
    if len(labels) > 1:
        figure.legend(
            handles, labels, loc="outside upper left", frameon=False, fontsize=9,
            ncols=_columns(figure, labels), labelcolor=style.INK,
        )  # fmt: skip


def _columns(figure: Figure, labels: Sequence[str]) -> int:
    """As many entries side by side as fit."""
    fitting = int(figure.get_figwidth() * 12 / (max(map(len, labels)) + 9))
    return min(max(fitting, 1), len(labels), 5)


def label(axes: Axes, x: str, y: str = "") -> None:
    """Name both axes."""
    axes.set_xlabel(x, fontsize=9, color=style.MUTED)
    if y:
        axes.set_ylabel(y, fontsize=9, color=style.MUTED)


def percentiles(values: Tensor) -> NDArray[np.float64]:
    """Mean, 5th and 95th percentile over the first axis, `(3, ...)`; NaN is left out."""
    numbers = values.double().numpy()
    if not len(numbers):
        return np.full((3, *numbers.shape[1:]), np.nan)
    return np.stack([numbers.mean(0), *np.percentile(numbers, [5, 95], axis=0)])


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
