"""What the sections say is what was counted: tables of the page, cell by cell."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrs_lightning.report import sections
from lrs_lightning.report.html import Markup, named
from lrs_lightning.report.matrix_section import matrix
from lrs_lightning.report.profile_section import heat_maps
from lrs_lightning.report.runs import Comparison, Run, gather
from lrs_lightning.report.severity_section import severities
from lrs_lightning.report.wording import between, between_shares, number, p_value, share, with_sign
from lrs_lightning.statistics.comparison import mean_ranks
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import rows

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@2": 5000.0, "friction@3": 8500.0}
REFERENCES = {"expert": 10_000.0, "random": -200.0}


class Tables(HTMLParser):
    """The text of every cell: tables of rows of cells; and all of the text."""

    def __init__(self, part: Markup | None) -> None:
        super().__init__()
        assert part is not None
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.feed(part.text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data + " "
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def run(name: str, scale: float = 1.0, means: dict[str, float] = MEANS, **about: Any) -> Run:
    played = rows({k: v * scale for k, v in means.items()}, f"policy of {name}")
    summary = summarize(played, REFERENCES, {"cell": "cfc", "rank": 8, **about})
    return Run(Path("/runs") / name, [summary], played, [])


def alone(played: list[Row], *about: Any) -> Comparison:
    """A run of these episodes; references, policy and provenance as `summarize` takes them."""
    return gather([Run(Path("/runs/mine"), [summarize(played, *about)], played, [])])


@pytest.fixture
def one() -> Comparison:
    return gather([run("good")])


@pytest.fixture
def two() -> Comparison:
    return gather([run("good"), run("weak", 0.8)])


def test_every_condition_of_one_policy(one: Comparison) -> None:
    ((head, *body),) = Tables(sections.headline(one)).tables
    assert head == ["shift", "return", "95 % interval", "of expert", "of own clean", "episodes"]
    assert body == [
        [
            c["condition"], number(c["return_mean"]), between(c["return_ci95"]),
            share(c["expert_normalized"]), share(c["retention"]), "20",
        ]
        for c in one.summaries[0].conditions
    ]  # fmt: skip


def test_every_condition_of_two_policies_stands_together(two: Comparison) -> None:
    ((head, *body),) = Tables(sections.headline(two)).tables
    assert head[:3] == ["shift", "policy", "return"]
    assert [row[:2] for row in body] == [[name, who] for name in MEANS for who in ("good", "weak")]
    weak = two.summaries[1].conditions[1]
    assert body[3][2] == number(weak["return_mean"])


def test_failed_episodes_have_a_column(one: Comparison) -> None:
    played = rows(MEANS)
    failed: list[Row] = [{**played[0], "seed": 7, "status": "failed"}]
    summary = summarize([*played, *failed], REFERENCES)
    ((head, *body),) = Tables(sections.headline(replace(one, summaries=[summary]))).tables
    assert head[-1] == "failed" and [row[-1] for row in body] == ["1", "", "", ""]


def test_cards_say_what_most_want_to_know(two: Comparison) -> None:
    text = Tables(sections.cards(two)).text
    for summary in two.summaries:
        clean = summary.conditions[0]
        for shown in (
            number(clean["return_mean"]), between(clean["return_ci95"]),
            share(clean["expert_normalized"]), share(summary.headline["mean_over_shifts"]),
            between_shares(summary.headline["mean_over_shifts_ci95"]),
            share(summary.headline["worst"]),
            f"mass@2, {between_shares(summary.headline['worst_ci95'])}",
        ):  # fmt: skip
            assert f"{shown} " in text
        shifted = [c["expert_normalized"] for c in summary.conditions[1:]]
        assert summary.headline["mean_over_shifts"] == pytest.approx(np.mean(shifted))
        assert summary.headline["worst"] == pytest.approx(min(shifted))
    assert "conditions that all played" not in text


def test_cards_leave_out_what_is_not_known() -> None:
    known = alone(rows({"clean": 5.0}))
    text = Tables(sections.cards(known)).text
    assert "clean return" in text
    for unknown in (", of the expert", "mean over shifts", "worst shift"):
        assert unknown not in text


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (
            {"hidden_size": 64, "sparsity": 0.5, "parameters": 30534},
            "CFC, H = 64, rank 8, sparsity 0.5, 30,534 parameters",
        ),
        ({"hidden_size": 32, "rank": None, "sparsity": 0.0}, "CFC, H = 32, dense, sparsity 0.0"),
    ],
)
def test_a_policy_is_described(about: dict[str, Any], text: str) -> None:
    assert text in Tables(sections.cards(gather([run("a", **about)]))).text


@pytest.mark.parametrize(
    ("about", "text"),
    [({"algorithm": "SAC", "kind": "x"}, "SAC"), ({"kind": "onnx"}, "onnx"), ({}, "policy")],
)
def test_a_policy_of_others_is_described_by_what_is_known(about: dict[str, str], text: str) -> None:
    known = alone(rows({"clean": 5.0}, "a"), None, about)
    assert f" {text} " in Tables(sections.cards(known)).text


def test_totals_are_over_what_all_have_played() -> None:
    both = gather([run("a"), run("b", means={"clean": 9.0, "mass@1": 7.0})])
    assert "over the 2 of 4 conditions that all played" in Tables(sections.cards(both)).text


def test_areas_under_the_curves(two: Comparison) -> None:
    ((head, *body),) = Tables(severities(two)).tables
    areas = [s.severity_auc["mass"]["expert_normalized"] for s in two.summaries]
    assert head == ["shift", "good", "weak"] and body == [["mass", *map(share, areas)]]
    unknown = [summarize(rows(MEANS, name)) for name in "ab"]
    ((_, row),) = Tables(severities(replace(two, summaries=unknown))).tables
    assert row[1:] == [number(s.severity_auc["mass"]["return_mean"]) for s in unknown]


def test_ranks_are_those_of_the_means(two: Comparison) -> None:
    ((head, *body),) = Tables(sections.ranks(two)).tables
    assert head == ["policy", "mean over shifts", *MEANS]
    assert body == [["good", "1.00", *"1111"], ["weak", "2.00", *"2222"]]
    np.testing.assert_array_equal(mean_ranks(two.shared), [[1] * 4, [2] * 4])


def test_one_policy_has_neither_ranks_nor_differences(one: Comparison) -> None:
    assert sections.ranks(one) is None and sections.differences(one) is None


def test_differences_are_shown_and_the_clear_ones_coloured(two: Comparison) -> None:
    part = sections.differences(two)
    ((head, *body),) = Tables(part).tables
    assert head == ["shift", "policies", "difference", "95 % interval", "p (Holm)",
                    "chance to be better", "95 % interval", "pairs"]  # fmt: skip
    first, *others = two.differences[::-1]
    for row, d in zip(body, [first, *others[::-1]], strict=True):
        assert row == [
            d.condition, "good - weak", with_sign(d.difference), between(d.ci95),
            p_value(d.p_holm), share(d.improvement), between_shares(d.improvement_ci95),
            str(d.episodes),
        ]  # fmt: skip
    assert part is not None and part.text.count('<b class="better">') == len(body) == 5
    turned = sections.differences(gather([run("weak", 0.8), run("good")]))
    assert turned is not None and turned.text.count('<b class="worse">') == 5
    same = sections.differences(gather([run("a"), replace(run("a"), folder=Path("/runs/b"))]))
    assert same is not None and same.text.count('<b class="">') == 5


def test_long_differences_are_folded_and_the_overall_ones_stay(
    two: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "LONG", 4)
    short, whole = Tables(sections.differences(two)).tables
    assert [row[0] for row in short[1:]] == ["all shifts"] and len(whole) == 6


def test_heat_maps_say_what_a_cell_is(one: Comparison) -> None:
    assert "Each cell is the share of the expert's return" in Tables(heat_maps(one)).text
    clean = alone(rows({"clean": 5.0}))
    assert heat_maps(clean) is None


def test_where_the_numbers_come_from() -> None:
    origin = {"commit": "abc", "seeds": [3, 4, 9], "versions": {"torch": "2.13", "numpy": "2"}}
    known = alone(rows({"clean": 5.0}, "a"), None, {"rank": 8, "init": None}, {**origin, "of": [1]})
    (table,) = Tables(sections.provenance(known)).tables
    assert table[1:] == [
        ["folder", "mine"], ["commit", "abc"], ["seeds", "3 to 9 (3)"],
        ["versions", "torch 2.13, numpy 2"], ["of", "1"], ["a: rank", "8"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ([0.5, 0.75], "0.50 to 0.75"),
        ([None, 0.7], ""),
        ([0.5, None], ""),
        ([0.5, float("nan")], ""),
    ],
)
def test_an_interval_of_shares(ends: list[float | None], text: str) -> None:
    assert between_shares(ends) == text


def test_episodes_that_never_were_are_told_by_a_dash() -> None:
    only = alone([{**rows({"clean": 1.0})[0], "status": "failed"}])
    ((_, row),) = Tables(sections.headline(only)).tables
    assert row == ["clean", "-", "-", "-", "-", "0", "1"]


def test_every_policy_has_its_colour_wherever_it_is_named(two: Comparison) -> None:
    for part in (sections.cards, sections.headline, severities, sections.ranks, matrix):
        made = part(two)
        assert made is not None
        for i, name in enumerate(("good", "weak")):
            shown = re.sub(' class="clamp"', "", made.text)
            assert named(i, name).text in shown, (part.__name__, name)


@pytest.mark.parametrize("second", [None, "native", "triton"])
def test_what_ran_on_several_backends_is_told(second: str | None) -> None:
    one, other = run("one"), run("other", 0.9)
    for row in one.rows:
        row["backend"] = "native"
    for row in other.rows:
        row["backend"] = second
    told = Tables(sections.provenance(gather([one, other]))).text
    assert ("native: one; triton: other" in told) is (second == "triton")
    assert ("Episodes were played on different backends" in told) is (second == "triton")
