"""A figure with its name and the sentence under it, and helpers that keep all of them alike."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.report.plots import style

BAND = "bands: 5th to 95th percentile"
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
