"""The first screen: its sentence, and a forest plot whose every mark is recomputed from rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.report import answer_section
from lrs_lightning.report.answer_section import answer
from lrs_lightning.report.charts import _short
from lrs_lightning.report.dot_plot import Axis
from lrs_lightning.report.runs import Comparison, gather, read_run
from lrs_lightning.report.severity_section import _severity_axis
from lrs_lightning.report.wording import between, p_value, with_sign
from lrs_lightning.statistics.comparison import OVERALL
from tests.report.test_method_sections import MEANS, run, study
from tests.report.test_sections import Tables
from tests.report.test_sections import run as single


def places(text: str, kind: str) -> list[list[float]]:
    """For each row of the plot where its marks of this kind stand, in per cent."""
    rows = re.findall(r'<td class="plot".*?</td>', text, flags=re.DOTALL)
    return [
        [float(x) for x in re.findall(rf'class="{kind}" style="left:([-\d.]+)%', r)] for r in rows
    ]


def axis(text: str) -> tuple[float, float]:
    """Value at the left end and per per cent, from two ticks."""
    found = re.findall(r'class="tick" style="left:([-\d.]+)%">([-\d.,]+)<', text)
    (x, a), *_, (y, b) = [(float(p), float(v.replace(",", ""))) for p, v in found]
    scale = (b - a) / (y - x)
    return a - scale * x, scale


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    return gather([read_run(folder) for folder in study(tmp_path)])


def test_every_training_seed_is_a_dot_where_its_difference_is(found: Comparison) -> None:
    text = answer(found).text
    start, scale = axis(text)
    seen = np.array(places(text, "seed")) * scale + start  # (rows, seeds)
    names = [OVERALL, *MEANS]
    value = {(r["policy"], r["condition"], r["seed"]): r["return"] for r in found.rows}
    for name, dots in zip(names, seen, strict=True):
        chosen = ["mass@1", "mass@2"] if name == OVERALL else [name]
        expected = [
            np.mean([
                np.mean([value[f"lrs{s}", c, 100 + e] - value[f"dense{s}", c, 100 + e]
                         for e in range(6)]) for c in chosen
            ]) for s in range(5)
        ]  # fmt: skip
        np.testing.assert_allclose(dots, expected, atol=0.02 * scale)


def test_intervals_and_numbers_are_those_of_the_comparison(found: Comparison) -> None:
    text = answer(found).text
    start, scale = axis(text)
    ordered = [found.method_differences[-1], *found.method_differences[:-1]]
    low = np.array(places(text, "range strong")).ravel() * scale + start
    np.testing.assert_allclose(low, [d.ci95[0] for d in ordered], atol=0.02 * scale)
    ((_, *body),) = Tables(answer(found)).tables
    for row, d in zip(body, ordered, strict=True):
        assert row[0] == d.condition
        assert row[2:4] == [with_sign(d.difference), between(d.ci95)]
        assert row[4].startswith(p_value(d.p_holm))


def test_seeds_that_are_not_shared_stand_against_the_mean_of_the_other(tmp_path: Path) -> None:
    folders = [run(tmp_path / f"a{s}", "lrs", s) for s in (0, 1)]
    folders += [run(tmp_path / f"b{s}", "dense", s, 500.0) for s in (3, 4, 5)]
    found = gather([read_run(folder) for folder in folders])
    text = answer(found).text
    start, scale = axis(text)
    a, b = (np.array(m.conditions[0].by_seed) for m in found.methods)
    (dots, rings) = (
        np.array(places(text, kind)[1]) * scale + start for kind in ("seed", "seed open")
    )
    np.testing.assert_allclose(dots, a - b.mean(), atol=0.02 * scale)
    np.testing.assert_allclose(rings, a.mean() - b, atol=0.02 * scale)


def test_of_several_methods_each_stands_against_the_best(tmp_path: Path) -> None:
    methods = {"weak": 3000.0, "best": 0.0, "next": 200.0}
    folders = [run(tmp_path / f"{m}{s}", m, s, gap) for m, gap in methods.items() for s in range(3)]
    found = gather([read_run(folder) for folder in folders])
    shown = Tables(answer(found))
    (_, *body), *_ = shown.tables
    assert [row[0] for row in body] == ["rank weak", "rank next"]
    assert all(row[2].startswith("-") for row in body)
    assert "rank best earns most over all shifts" in shown.text
    assert "All 3 pairs" in shown.text


def test_single_runs_say_nothing_of_methods() -> None:
    text = Tables(answer(gather([single("good"), single("weak", 0.8)]))).text
    assert "Of these very runs good earns most over all shifts" in text
    assert "one training seed: nothing can be said about the method" in text


def test_one_policy_is_told_by_its_own_numbers() -> None:
    shown = Tables(answer(gather([single("good")])))
    assert "worst shift mass@2: 0.5" in shown.text and "clean 8,9" in shown.text
    ((head, *body),) = shown.tables
    assert head[2:] == ["return", "95 % interval", "of expert"]
    assert [row[0] for row in body] == ["clean", "mass@1", "mass@2", "friction@3"]


def test_of_many_rows_those_stay_that_say_most(
    found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_section, "MOST", 2)
    shown = Tables(answer(found))
    ((_, *body),) = shown.tables
    assert len(body) == 2 and body[0][0] == OVERALL
    assert "The 2 of 4 with the smallest p values" in shown.text


@pytest.mark.parametrize(
    ("highest", "step"),
    [(5.0, 1.0), (5.01, 2.0), (10.0, 2.0), (10.1, 2.5), (12.5, 2.5), (12.6, 5.0), (25.0, 5.0),
     (25.1, 10.0), (0.5, 0.1), (1_000.0, 200.0)],
)  # fmt: skip
def test_ticks_stand_at_the_next_round_step(highest: float, step: float) -> None:
    """About five of them, from 0 here, and 3 % of margin at both ends."""
    made = Axis.of([0.0, highest])
    np.testing.assert_allclose(made.ticks, np.arange(len(made.ticks)) * step, atol=1e-9)
    assert made.ticks[-1] <= made.high < made.ticks[-1] + step
    assert (made.low, made.high) == pytest.approx((-0.03 * highest, 1.03 * highest))


@pytest.mark.parametrize(
    ("highest", "ticks"), [(1, [0, 1]), (6, range(7)), (7, [0, 2, 4, 6]), (13, [0, 3, 6, 9, 12])]
)
def test_severities_have_at_most_seven_ticks(highest: int, ticks: Sequence[int]) -> None:
    made = _severity_axis(highest)
    assert made == Axis(-0.6, highest + 0.6, tuple(map(float, ticks)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(9_999.0, "9,999"), (10_000.0, "10k"), (-12_500.0, "-12.5k"), (0.25, "0.25"), (0.0, "0")],
)
def test_numbers_of_an_axis_are_short(value: float, text: str) -> None:
    assert _short(value) == text


@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [-3.0, 12_345.0], [5.0, 5.0], [0.0, 0.0], [float("nan")], [1e-6, 2e-6]]
)
def test_an_axis_holds_its_values_and_has_round_ticks(values: list[float]) -> None:
    made = Axis.of(values)
    known = [v for v in values if np.isfinite(v)]
    assert all(0 <= made.place(v) <= 100 for v in (*known, *made.ticks))
    assert 2 <= len(made.ticks) <= 8
    steps = np.diff(made.ticks)
    assert np.ptp(steps) < 1e-9 * abs(steps[0])
