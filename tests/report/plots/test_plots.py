"""Figures show the numbers of the summary, and stand many policies, gaps and single episodes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from lrs_lightning.report import plots
from lrs_lightning.report.plots import style
from lrs_lightning.statistics.results import episode_row
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary, summarize
from tests.evaluation.fakes import fake_episode, rows

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@3": 5000.0, "friction@3": -400.0}
REFERENCES = {"expert": 10_000.0, "random": 0.0}


def summary(policy: str = "a", **options: object) -> Summary:
    return summarize(rows(MEANS, policy), REFERENCES)


def test_heat_map_shows_each_share_in_its_cell() -> None:
    one = summary()
    axes = plots.heat_map(one).axes[0]
    shown = {(t.get_position()[0], t.get_position()[1]): t.get_text() for t in axes.texts}
    severities = [t.get_text() for t in axes.get_xticklabels()]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert severities == ["1", "3"] and names == ["clean", "mass", "friction"]
    mass3 = next(c for c in one.conditions if c["condition"] == "mass@3")
    assert shown[1, 1] == f"{mass3['expert_normalized']:.2f}"
    assert len(shown) == 4  # friction has one severity


def test_curves_pass_through_the_means() -> None:
    one = summary()
    panel = plots.severity_curves([one]).axes[0]
    line = next(x for x in panel.lines if x.get_marker() == "o")
    means = {c["condition"]: c["return_mean"] for c in one.conditions}
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 3])
    np.testing.assert_allclose(line.get_ydata(), [means[k] for k in ("clean", "mass@1", "mass@3")])


def test_profile_falls_from_all_to_none() -> None:
    played = rows(MEANS, "a") + rows(MEANS, "b")
    axes = plots.profiles(Returns.from_rows(played), REFERENCES).axes[0]
    for line in axes.lines:
        share = np.asarray(line.get_ydata())
        assert share[0] <= 1 and share[-1] == 0 and (np.diff(share) <= 0).all()


@pytest.mark.parametrize("policies", [1, 2, 9])
def test_everything_can_be_drawn(policies: int) -> None:
    played = [r for k in range(policies) for r in rows(MEANS, f"p{k}")]
    summaries = [
        summarize([r for r in played if r["policy"] == f"p{k}"], REFERENCES)
        for k in range(policies)
    ]
    for figure in plots.figures(summaries, Returns.from_rows(played)).values():
        figure.savefig(io.BytesIO(), format="png", dpi=30)


@pytest.mark.parametrize(
    "episodes",
    [
        [fake_episode()],  # one episode: no interval
        [fake_episode(status="failed")],  # none that counts
        [fake_episode(), fake_episode(shift="mass", severity=2, status="failed")],
        [fake_episode(shift="mass", severity=2)],  # never clean
        [fake_episode(), fake_episode(shift="mass+friction", severity=2)],
    ],
)
def test_gaps_are_drawn_as_gaps(episodes: list[object]) -> None:
    played = [episode_row(e) for e in episodes]  # type: ignore[arg-type]
    for figure in plots.figures([summarize(played)], Returns.from_rows(played)).values():
        figure.savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize(("share", "step"), [(-1.0, 0), (0.0, 0), (0.55, 5), (1.0, 9), (7.0, 9)])
def test_shares_outside_take_the_nearest_colour(share: float, step: int) -> None:
    assert style.heat(share)[0] == style.HEAT[step]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_cell_can_be_read(scheme: str) -> None:
    """WCAG's contrast of text, 4.5, in both colour schemes of the report."""
    import re
    from importlib.resources import files

    css = (files("lrs_lightning.report") / "style.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark")
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    for k in range(10):
        face, text = style.heat((k + 0.5) / 10)
        pair = luminance(colors[style.NAMES[face]]), luminance(colors[style.NAMES[text]])
        assert (max(pair) + 0.05) / (min(pair) + 0.05) >= 4.5, (k, scheme)
