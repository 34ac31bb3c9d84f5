"""How figures look, artist by artist: places, colours, sizes and words are the approved ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Annotation, Text

from lrs_lightning.report import plots
from lrs_lightning.report.plots.plane_map import plane_map
from lrs_lightning.report.profile_curves import thresholds_of
from lrs_lightning.statistics.endings import Survival
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary, summarize
from tests.evaluation.fakes import rows
from tests.report.approved import check

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@3": 5000.0, "friction@3": -400.0}
REFERENCES = {"expert": 10_000.0, "random": 0.0}


def played(policy: str, scale: float = 1.0) -> Any:
    return rows({name: scale * mean for name, mean in MEANS.items()}, policy)


def summary(policy: str, scale: float = 1.0) -> Summary:
    return summarize(played(policy, scale), REFERENCES)


def policies() -> list[Summary]:
    return [summary("one"), summary("a policy with a name of more than forty letters", 0.5)]


def alone() -> Summary:
    """One condition, and nothing to compare it with."""
    return summarize(rows({"clean": 5.0}, "one", spread=1.0), {})


def episodes() -> Returns:
    return Returns.from_rows([*played("one"), *played("two", 0.5)])


def curves() -> dict[tuple[str, str], Survival]:
    return {
        ("one", "mass@1"): Survival(np.array([0.0, 20, 50]), np.array([1.0, 0.8, 0.5]), 90.0),
        ("two", "mass@1"): Survival(np.array([0.0, 30]), np.array([1.0, 0.25]), 60.0),
        **{("two", f"wind@{k}"): Survival(np.zeros(1), np.ones(1), 100.0) for k in range(4)},
    }


def cells() -> list[dict[str, float | None]]:
    """A plane of two ranks and two sparsities: known, without interval, unknown, absent."""
    ends = {"clean_low": 0.25, "clean_high": 0.75}
    unknown = {"clean_low": None, "clean_high": None}
    return [
        {"rank": 2, "sparsity": 0.0, "clean": 0.5, **ends},
        {"rank": 2, "sparsity": 0.5, "clean": 1.0, **unknown},
        {"rank": None, "sparsity": 0.5, "clean": None, **unknown},
    ]


FIGURES: dict[str, Callable[[], Figure]] = {
    "conditions": lambda: plots.conditions(policies()),
    "severity_curves": lambda: plots.severity_curves(policies()),
    "heat_map": lambda: plots.heat_map(policies()[1]),
    "heat_map_of_retention": lambda: plots.heat_map(policies()[0], "retention"),
    "profiles": lambda: plots.profiles(episodes(), REFERENCES),
    "conditions_of_six_policies": lambda: plots.conditions(
        [summarize(rows({"clean": 5.0 + k}, f"p{k}", 3)) for k in range(6)]
    ),
    "survival": lambda: plots.survival(curves(), ["one", "two", "three"]),
    "survival_of_nobody": lambda: plots.survival({}, []),
    "conditions_without_references": lambda: plots.conditions([alone()]),
    "severity_curves_without_shifts": lambda: plots.severity_curves([alone()]),
    "heat_map_of_nothing_known": lambda: plots.heat_map(alone(), "expert_normalized"),
    "profiles_without_references": lambda: plots.profiles(Returns.from_rows(played("one")), {}),
    "plane": lambda: plane_map(cells(), "clean", "clean return"),
    "plane_of_nothing_known": lambda: plane_map(cells()[2:], "clean", "clean return"),
}
"""Every figure, of two policies and where there is little to show; drawn by the test that looks."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_approved(name: str) -> None:
    check(f"{name}.txt", "\n".join(described(FIGURES[name]())) + "\n")


def described(figure: Figure) -> Iterator[str]:
    """Everything that was asked of a figure, in a line for each artist."""
    width, height = figure.get_size_inches()
    yield f"figure {width:.3f} x {height:.3f} in, {to_hex(figure.get_facecolor())}"
    for shared in (figure._supxlabel, figure._supylabel):  # type: ignore[attr-defined]
        if shared is not None:
            yield f"  {letters(shared)}"
    for axes in figure.axes:
        yield from panel(axes)
    for box in figure.legends:
        yield f"legend in {box._ncols} columns, frame {box.get_frame_on()}, {box._outside_loc}"
        yield from (f"  {letters(text)}" for text in box.get_texts())


def panel(axes: Axes) -> Iterator[str]:
    face, below = to_hex(axes.get_facecolor(), True), axes.get_axisbelow()
    yield f"axes, {'shown' if axes.axison else 'hidden'}, {face}, grid below {below}"
    yield f"  x {numbers(axes.get_xlim())}: {ticks(axes.xaxis)}"
    yield f"  y {numbers(axes.get_ylim())}: {ticks(axes.yaxis)}"
    for side, spine in axes.spines.items():
        if spine.get_visible():
            yield f"  spine {side} {to_hex(spine.get_edgecolor(), True)}"
    for text in (axes._left_title, axes.xaxis.label, axes.yaxis.label):
        if text.get_text():
            yield f"  {letters(text)}"
    for artist in axes.get_children():
        if (line := one(artist)) is not None:
            yield f"  {line}"


def one(artist: Any) -> str | None:
    """An artist with what it is made of; None for what axes have in any case."""
    if isinstance(artist, Line2D):
        x, y = (numbers(np.asarray(data, float)) for data in artist.get_data())
        dashes = artist._unscaled_dash_pattern[1] or artist.get_linestyle()  # type: ignore[attr-defined]
        how = f"{dashes} {artist.get_linewidth():g}, marker {artist.get_marker()}"
        size = artist.get_markersize() if artist.get_marker() != "None" else 0
        return f"line {to_hex(artist.get_color())} {how} {size:g}, x {x} y {y}"
    if isinstance(artist, Collection):
        points = [np.asarray(path.vertices) for path in artist.get_paths()]
        colors = [to_hex(c, True) for c in (*artist.get_facecolor(), *artist.get_edgecolor())]
        ends = [f"{numbers(p.min(0))} to {numbers(p.max(0))}" for p in points]
        width = numbers(np.atleast_1d(artist.get_linewidth()))
        return f"area {colors} {width} alpha {artist.get_alpha()}: {ends}"
    if isinstance(artist, Rectangle) and artist.axes is not None:  # not the background
        place = numbers((*artist.get_xy(), artist.get_width(), artist.get_height()))
        return f"field {place} {to_hex(artist.get_facecolor(), True)} {artist.get_linewidth():g}"
    if isinstance(artist, FancyBboxPatch):
        place = numbers((artist.get_x(), artist.get_y(), artist.get_width(), artist.get_height()))
        box = artist.get_boxstyle()
        corners = f"pad {box.pad:g} rounding {box.rounding_size:g}"  # type: ignore[attr-defined]
        colors = [to_hex(c, True) for c in (artist.get_facecolor(), artist.get_edgecolor())]
        return f"box {place} {corners} {colors} {artist.get_linewidth():g}"
    if isinstance(artist, Text) and artist.get_text() and artist not in titles(artist.axes):
        return letters(artist)
    return None


def titles(axes: Any) -> tuple[Text, ...]:
    return axes.title, axes._left_title, axes._right_title


def letters(text: Text) -> str:
    """A text, how it is written, and where."""
    place = ""
    if isinstance(text, Annotation):
        place = f"{numbers(text.xy)} {text.xycoords} + {text.xyann} {text.anncoords}"
    at = f"{text.get_ha()} {text.get_va()} {place}".strip()
    size, weight = text.get_fontsize(), text.get_fontweight()
    return f"{text.get_text()!r} {to_hex(text.get_color())} {size:g} {weight} {at}"


def ticks(axis: Any) -> str:
    lines = [line for line in axis.get_gridlines() if line.get_visible()]
    grid = {f"{line.get_color()} {line.get_linewidth():g}" for line in lines}
    length = axis.get_major_ticks()[0].tick1line.get_markersize()
    labels = [
        f"{t.get_text()} {to_hex(t.get_color())} {t.get_fontsize():g}"
        for t in axis.get_ticklabels()
    ]
    return f"grid {sorted(grid)}, ticks {length:g} {labels}"


def numbers(values: Any) -> list[str]:
    """Rounded, and of long lists the ends and the sum."""
    flat = [f"{v + 0.0:.4g}" for v in np.ravel(values)]
    return flat if len(flat) <= 8 else [*flat[:2], "...", *flat[-2:], f"sum {np.sum(values):.4g}"]


def test_of_many_conditions_the_first_are_shown_how_long_policies_stayed_up() -> None:
    curves = {("a", f"mass@{k}"): Survival(np.zeros(1), np.ones(1), 9.0) for k in range(26)}
    figure = plots.survival(curves, ["a"])
    named = [axes.get_title(loc="left") for axes in figure.axes]
    assert named == [f"mass@{k}" for k in range(24)]


def test_thresholds_reach_from_the_lowest_to_the_highest_return_and_shares_over_0_to_1() -> None:
    def ends(values: list[float], normalized: bool) -> tuple[float, float]:
        found = thresholds_of(np.array(values), normalized)
        np.testing.assert_allclose(np.diff(found), np.diff(found)[0])
        return float(found[0]), float(found[-1])

    assert ends([3.0, np.nan, -5.0], False) == (-5.0, 3.0)
    assert ends([0.25, 0.75], True) == (0.0, 1.0) and ends([0.25, 0.75], False) == (0.25, 0.75)
    assert ends([-0.5, 1.5], True) == (-0.5, 1.5)
    assert ends([np.nan], False) == ends([], True) == (0.0, 1.0)
