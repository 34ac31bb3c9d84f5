"""Figures hold the numbers of the summaries: where points, intervals and bands are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from lrs_lightning.report import plots
from lrs_lightning.report.palette import HEAT_DARK_TEXT, HEAT_LIGHT_TEXT
from lrs_lightning.report.plots import style
from lrs_lightning.report.plots.heat_map import MEANING, default_value
from lrs_lightning.statistics.estimates import expert_normalized, performance_profile
from lrs_lightning.statistics.returns import Returns, finite
from lrs_lightning.statistics.summary import Summary, summarize
from tests.evaluation.fakes import rows

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@3": 5000.0, "friction@3": -400.0}
REFERENCES = {"expert": 10_000.0, "random": 0.0}


def summary(policy: str = "a", references: dict[str, float] | None = REFERENCES) -> Summary:
    return summarize(rows(MEANS, policy), references)


def marked(lines: Any) -> list[Line2D]:
    """Those with markers, which are of policies."""
    return [line for line in lines if line.get_marker() in style.MARKERS]


def texts(items: Any) -> list[str]:
    return [item.get_text() for item in items]


def legend(figure: Figure) -> list[str]:
    return [text for box in figure.legends for text in texts(box.get_texts())]


def test_points_and_intervals_of_conditions() -> None:
    both = [summary("a"), summary("bb")]
    figure = plots.conditions(both)
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == list(MEANS)
    assert legend(figure) == ["a", "bb"]
    heights = []
    for k, (one, bars) in enumerate(zip(both, axes.collections, strict=True)):
        points = marked(axes.lines)[k]
        means = [c["return_mean"] for c in one.conditions]
        np.testing.assert_allclose(points.get_xdata(), means)
        ends = [[x for x, _ in segment] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [c["return_ci95"] for c in one.conditions])
        y = np.asarray(points.get_ydata())
        np.testing.assert_allclose([segment[0, 1] for segment in bars.get_segments()], y)
        np.testing.assert_allclose(y, np.round(y) + y[0])  # each within the row of its condition
        assert list(np.round(y)) == [0, 1, 2, 3]
        assert to_hex(points.get_color()) == style.series(k)
        heights.append(y[0])
    assert heights[0] == -heights[1] and 0.2 < heights[1] - heights[0] < 0.4
    low, high = axes.get_ylim()
    assert low > 3.5 > -0.5 > high  # the first condition on top, all of them in sight


@pytest.mark.parametrize("policies", [1, 3, 8])
def test_policies_never_reach_into_the_next_condition(policies: int) -> None:
    figure = plots.conditions([summary(f"p{k}") for k in range(policies)])
    places = [line.get_ydata()[0] for line in marked(figure.axes[0].lines)]
    assert max(places) - min(places) < 0.75 and max(places) == pytest.approx(-min(places))
    assert (np.diff(sorted(places)) > 0.05).all()
    per_row = (figure.get_figheight() - 0.9) / len(MEANS)
    assert per_row >= 0.3 and per_row / (policies + 1) >= 0.15  # room for each


def test_references_are_named_lines() -> None:
    (axes,) = plots.conditions([summary()]).axes
    lines = [line.get_xdata()[0] for line in axes.lines if line not in marked(axes.lines)]
    assert lines == [10_000.0, 0.0]
    assert {t.get_text(): t.xy[0] for t in axes.texts} == REFERENCES  # type: ignore[attr-defined]
    (panel, *_) = plots.severity_curves([summary()]).axes
    levels = [x.get_ydata()[0] for x in panel.lines if x.get_linestyle() == "--"]
    assert levels == [10_000.0, 0.0]
    unknown = summary(references=None)
    assert len(plots.conditions([unknown]).axes[0].lines) == 1


def test_a_panel_for_each_shift_with_points_and_intervals_of_every_policy() -> None:
    both = [summary("a"), summary("bb")]
    figure = plots.severity_curves(both)
    named = [axes.get_title(loc="left") for axes in figure.axes]
    assert named == ["mass", "friction"]
    assert legend(figure) == ["a", "bb"]
    for k, one in enumerate(both):
        ends = np.array([c["return_ci95"] for c in one.conditions])[:3]
        bars = figure.axes[0].collections[k].get_segments()  # type: ignore[attr-defined]
        for severity, (low, high), bar in zip((0, 1, 3), ends, bars, strict=True):
            np.testing.assert_allclose(bar, [[severity, low], [severity, high]])
        line = marked(figure.axes[0].lines)[k]
        assert to_hex(line.get_color()) == style.series(k)
    lines = [x for x in figure.axes[0].lines if to_hex(x.get_color()) in style.SERIES]
    joints = [x for x in lines if list(x.get_xdata()) == [0, 1]]
    assert len(joints) == 2  # 1 and 3 are no neighbours
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    ticks = figure.axes[0].get_xticks()
    assert (ticks == np.round(ticks)).all()


@pytest.mark.parametrize(("shifts", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (6, (2, 4))])
def test_panels_stand_four_in_a_row(shifts: int, grid: tuple[int, int]) -> None:
    means = {"clean": 1.0} | {f"{name}@1": 0.5 for name in "abcdefgh"[:shifts]}
    figure = plots.severity_curves([summarize(rows(means))])
    down, across = grid
    assert figure.axes[0].get_gridspec().get_geometry() == (down, across)
    shown = [axes.axison for axes in figure.axes]
    assert shown == [True] * shifts + [False] * (down * across - shifts)
    width, height = figure.get_size_inches()
    assert width >= 2.3 * across and height / down >= 1.9


@pytest.mark.parametrize("references", [REFERENCES, None])
def test_profiles_are_the_shares_above(references: dict[str, float] | None) -> None:
    played = Returns.from_rows(rows(MEANS, "a") + rows(MEANS, "bb"))
    figure = plots.profiles(played, references or {})
    (axes,) = figure.axes
    assert legend(figure) == ["a", "bb"]
    assert ("expert" in axes.get_xlabel()) == bool(references)
    assert "above" in axes.get_ylabel()
    for line, band, values in zip(axes.lines, axes.collections, played.values, strict=True):
        shifted = finite(values[1:].ravel())
        if references:
            shifted = expert_normalized(shifted, 10_000.0, 0.0)
        thresholds, share = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        np.testing.assert_allclose(share, performance_profile(shifted, thresholds))
        assert thresholds[0] <= shifted.min() and thresholds[-1] >= shifted.max()
        if references:
            assert thresholds[0] <= 0 and thresholds[-1] >= 1
        assert len(thresholds) > 50 and np.ptp(np.diff(thresholds)) < 1e-6 * np.ptp(thresholds)
        inside = band.get_paths()[0].vertices
        for t, s in zip(thresholds[::10], share[::10], strict=True):
            ends = inside[np.isclose(inside[:, 0], t, rtol=0, atol=1e-9), 1]
            assert 0 <= ends.min() <= s <= ends.max() <= 1
        assert np.ptp(inside[:, 1]) == pytest.approx(1)


def test_a_band_of_few_episodes_stays_between_nothing_and_all() -> None:
    played = Returns.from_rows(rows({"clean": 5.0, "mass@1": 3.0}, episodes=3))
    (band,) = plots.profiles(played, {}).axes[0].collections
    ends = band.get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == (0, 1)


def test_of_the_clean_world_alone_the_profile_is_of_that() -> None:
    played = Returns.from_rows(rows({"clean": 5.0}, spread=1.0))
    (line,) = plots.profiles(played, {}).axes[0].lines
    expected = performance_profile(played.values.ravel(), np.asarray(line.get_xdata()))
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_a_heat_map_has_a_row_for_each_shift_and_a_wide_cell_for_the_clean_world() -> None:
    figure = plots.heat_map(summary())
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == ["clean", "mass", "friction"]
    cells = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches]
    assert cells == [
        pytest.approx((x - 0.42, y - 0.38, w - 0.16, 0.76))
        for x, y, w in ((0, 0, 2), (0, 1, 1), (1, 1, 1), (1, 2, 1))
    ]
    clean = next(t for t in axes.texts if t.get_position()[1] == 0)
    assert clean.get_position() == (0.5, 0)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 1.5), (2.5, -0.5))
    assert axes.get_title(loc="left") == "a"
    assert figure.get_supxlabel() == MEANING["expert_normalized"]


def test_cells_have_the_colours_of_their_shares() -> None:
    one = summary()
    (axes,) = plots.heat_map(one).axes
    for condition, patch, text in zip(one.conditions, axes.patches, axes.texts, strict=True):
        face, ink = style.heat(condition["expert_normalized"])
        assert (to_hex(patch.get_facecolor()), text.get_color()) == (face, ink)
        assert text.get_text() == f"{condition['expert_normalized']:.2f}"
        assert patch.get_linewidth() == 0


def test_what_is_not_known_has_a_frame_and_a_dash() -> None:
    below = summarize(rows({"clean": -5.0, "mass@1": -9.0}, spread=0.1))
    (axes,) = plots.heat_map(below).axes
    assert texts(axes.texts) == ["-", "-"]
    assert axes.patches[1].get_linewidth() > 0 and axes.patches[1].get_facecolor()[3] == 0


@pytest.mark.parametrize("references", [REFERENCES, None])
def test_a_heat_map_shows_the_share_that_is_known(references: dict[str, float] | None) -> None:
    one = summary(references=references)
    value = "expert_normalized" if references else "retention"
    assert default_value(one) == value
    shown = texts(plots.heat_map(one).axes[0].texts)
    assert shown == [f"{c[value]:.2f}" for c in one.conditions]
    other = texts(plots.heat_map(one, "retention").axes[0].texts)
    assert other == [f"{c['retention']:.2f}" for c in one.conditions]


def test_a_single_policy_has_no_legend() -> None:
    one = [summary()]
    played = Returns.from_rows(rows(MEANS))
    assert not any(legend(figure) for figure in plots.figures(one, played).values())


def test_figures_are_named_and_profiles_need_episodes() -> None:
    both = [summary("a"), summary("bb")]
    names = {"returns", "severity", "heat_map/a", "heat_map/bb"}
    assert set(plots.figures(both)) == names
    played = Returns.from_rows(rows(MEANS, "a") + rows(MEANS, "bb"))
    assert set(plots.figures(both, played)) == names | {"profiles"}


def test_colours_are_those_a_page_can_exchange() -> None:
    assert len(set(style.NAMES)) == len(style.SERIES) + len(style.HEAT) + 6
    assert style.NAMES[style.series(13)] == "series-1" and style.series(0) == style.SERIES[0]
    assert style.heat(0.69)[1] == HEAT_DARK_TEXT
    assert style.heat(0.71)[1] == HEAT_LIGHT_TEXT


def drawn() -> dict[str, Figure]:
    played = Returns.from_rows(rows(MEANS, "a") + rows(MEANS, "bb"))
    return plots.figures([summary("a"), summary("bb")], played)


@pytest.mark.parametrize("name", ["returns", "severity", "heat_map/a", "profiles"])
def test_all_figures_have_one_look(name: str) -> None:
    figure = drawn()[name]
    figure.canvas.draw()
    shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
    assert {t.get_fontsize() for t in shown} <= {8.0, 9.0, 10.0}
    assert {to_hex(t.get_color()) for t in shown} <= set(style.NAMES)
    bold = {t.get_text() for t in shown if t.get_fontweight() == "bold"}
    assert bold == {t.get_text() for t in shown if t.get_fontsize() == 10}
    lines = [line for line in figure.findobj(Line2D) if line.get_visible()]
    assert {to_hex(line.get_color()) for line in lines} <= set(style.NAMES)
    assert all(0 < line.get_linewidth() <= 2 for line in lines)
    assert to_hex(figure.get_facecolor()) == style.PAPER
    assert figure.get_layout_engine() is not None  # so that nothing overlaps
    for axes in figure.axes:
        assert axes.get_facecolor()[3] == 0
        edges = {side: axes.spines[side].get_visible() for side in ("left", "right", "top")}
        assert not any(edges.values())
        assert axes.get_axisbelow() in (True, "line")
        ticks = [*axes.xaxis.get_major_ticks(), *axes.yaxis.get_major_ticks()]
        assert {tick.tick1line.get_markersize() for tick in ticks} == {0}


@pytest.mark.parametrize(("name", "across", "up"), [
    ("returns", True, False), ("severity", False, True), ("profiles", False, True),
    ("heat_map/a", False, False),
])  # fmt: skip
def test_a_grid_helps_to_read_values(name: str, across: bool, up: bool) -> None:
    for axes in drawn()[name].axes:
        lines = [axis.get_gridlines() for axis in (axes.xaxis, axes.yaxis)]
        assert [any(line.get_visible() for line in found) for found in lines] == [across, up]
        for line in (line for found in lines for line in found if line.get_visible()):
            assert to_hex(line.get_color()) == style.GRID


@pytest.mark.parametrize("name", ["returns", "severity", "profiles"])
def test_bands_let_through_what_lies_below(name: str) -> None:
    figure = drawn()[name]
    bands = [band for axes in figure.axes for band in axes.collections]
    assert bands and all(0.1 < band.get_alpha() < 0.6 for band in bands)
    assert [to_hex(c) for c in (bands[0].get_edgecolor()[0], bands[1].get_edgecolor()[0])] == [
        style.series(0), style.series(1)
    ]  # fmt: skip
    for box in figure.legends:
        assert not box.get_frame_on() and to_hex(box.get_texts()[0].get_color()) == style.INK
