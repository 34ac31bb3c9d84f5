"""Twelve policies are told apart by everybody: colours for each kind of eye, and other markers."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from matplotlib.markers import MarkerStyle
from numpy.typing import NDArray

from lrs_lightning.report.marks import SHAPES
from lrs_lightning.report.palette import (
    HEAT,
    HEAT_DARK_TEXT,
    HEAT_LIGHT_TEXT,
    LIGHT_TEXT_FROM,
    MARKERS,
    SERIES,
    heat,
    marker_place,
)

Colors = NDArray[np.float64]

# What is left of linear RGB without red, green or blue cones (Machado, Oliveira and Fernandes,
# IEEE TVCG 2009, severity 1).
EYES = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
BACKGROUND = {"light": "#ffffff", "dark": "#1a1f28"}


def schemes() -> dict[str, dict[str, str]]:
    css = (files("lrs_lightning.report") / "style.css").read_text()
    parts = dict(zip(("light", "dark"), css.split("prefers-color-scheme: dark"), strict=True))
    return {name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", p)) for name, p in parts.items()}


def linear(colors: list[str]) -> Colors:
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: Colors) -> Colors:
    """CIE 1976 L*a*b* of linear RGB under D65."""
    xyz = rgb @ TO_XYZ.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


def test_the_distance_is_that_of_known_colours() -> None:
    white, red = lab(linear(["#ffffff", "#ff0000"]))
    np.testing.assert_allclose(white, [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(red, [53.24, 80.09, 67.20], atol=0.05)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_twelve_is_told_apart(scheme: str, eye: str) -> None:
    colors = [schemes()[scheme][f"series-{i}"] for i in range(12)]
    seen = lab(np.clip(linear(colors) @ np.asarray(EYES[eye]).T, 0, 1))
    apart = {(i, j): np.linalg.norm(seen[i] - seen[j]) for i, j in combinations(range(12), 2)}
    assert min(apart.values()) > 15, min(apart.items(), key=lambda pair: pair[1])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_stands_out_from_the_page(scheme: str) -> None:
    """WCAG's contrast of graphics, 3."""
    colors = [BACKGROUND[scheme], *(schemes()[scheme][f"series-{i}"] for i in range(12))]
    ground, *shown = linear(colors) @ TO_XYZ[1] + 0.05
    assert all(max(c, ground) / min(c, ground) >= 3 for c in shown)


def test_the_page_has_the_colours_of_the_figures() -> None:
    assert [schemes()["light"][f"series-{i}"] for i in range(12)] == list(SERIES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_a_colour_for_each_step_of_heat(scheme: str) -> None:
    """The light ones are those of the figures; text stands out from its cell (WCAG's 4.5)."""
    known = schemes()[scheme]
    faces = [known[f"heat-{i}"] for i in range(len(HEAT))]
    if scheme == "light":
        assert faces == list(HEAT)
        assert known["heat-text-low"] == HEAT_DARK_TEXT
        assert known["heat-text-high"] == HEAT_LIGHT_TEXT
    for step, color in enumerate(faces):
        text = known["heat-text-low" if step < LIGHT_TEXT_FROM else "heat-text-high"]
        low, high = sorted(linear([color, text]) @ TO_XYZ[1] + 0.05)
        assert high / low >= 4.5, (step, high / low)


def test_a_share_has_the_step_that_it_lies_in() -> None:
    shares = [-1.0, 0.0, 0.0999, 0.1001, 0.6999, 0.7001, 0.9999, 1.0, 2.0]
    steps = [HEAT.index(heat(share)[0]) for share in shares]
    assert steps == [0, 0, 0, 1, 6, 7, 9, 9, 9]
    texts = [heat(share)[1] for share in shares]
    assert texts == [HEAT_DARK_TEXT] * 5 + [HEAT_LIGHT_TEXT] * 4


def test_every_policy_has_another_marker_and_later_ones_another_pair() -> None:
    assert len(set(SHAPES)) == len(SHAPES) == len(set(MARKERS)) == len(SERIES) == 12
    assert all(MarkerStyle(marker).is_filled() for marker in MARKERS)  # as matplotlib knows them
    assert [marker_place(i) for i in range(12)] == list(range(12))
    assert len({(i % 12, marker_place(i)) for i in range(144)}) == 144
