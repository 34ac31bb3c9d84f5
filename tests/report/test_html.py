"""Pieces of HTML, each against what it should read."""

from __future__ import annotations

import pytest

from lrs_lightning.report.html import (
    Markup,
    bar,
    dot,
    element,
    escape,
    figure,
    folded,
    named,
    section,
    table,
)

EVIL = "<b>&\"'"
SAFE = "&lt;b&gt;&amp;&quot;&#x27;"


def test_only_markup_stays_as_it_is() -> None:
    assert escape(Markup("<b>")) == "<b>"
    assert escape(EVIL) == SAFE
    assert (escape(None), escape(0), escape(1.5)) == ("", "0", "1.5")


def test_an_element_escapes_its_children_and_attributes() -> None:
    found = element("p", EVIL, Markup("<i></i>"), 3, None, class_=EVIL, data_x="1")
    assert found.text == f'<p class="{SAFE}" data-x="1">{SAFE}<i></i>3</p>'
    assert element("hr").text == "<hr></hr>"


@pytest.mark.parametrize("words", [1, 2])
def test_a_table_has_a_heading_for_each_column_and_row(words: int) -> None:
    found = table(["name", "kind", "size"], [["a", EVIL, 1], ["b", None, 2.5]], words, "facts").text
    second = "word" if words == 2 else "number"
    assert found == (
        '<div class="scroll" tabindex="0"><table class="facts"><thead><tr>'
        '<th scope="col" class="word">name</th>'
        f'<th scope="col" class="{second}">kind</th>'
        '<th scope="col" class="number">size</th></tr></thead><tbody>'
        '<tr><th scope="row" class="word">a</th>'
        f'<td class="{second}">{SAFE}</td><td class="number">1</td></tr>'
        '<tr><th scope="row" class="word">b</th>'
        f'<td class="{second}"></td><td class="number">2.5</td></tr></tbody></table></div>'
    )


def test_by_default_one_column_is_words() -> None:
    found = table(["a", "b"], []).text
    assert '<table class=""><thead><tr><th scope="col" class="word">a</th>' in found
    assert '<th scope="col" class="number">b</th>' in found


def test_sections_and_figures_have_their_notes_or_none() -> None:
    plain = section("To be < read", "x")
    assert (plain.title, plain.anchor) == ("To be < read", "to-be-read")
    to_itself = '<a class="anchor" href="#to-be-read" aria-label="to To be &lt; read">#</a>'
    assert plain.text == (
        f'<section id="to-be-read"><h2>To be &lt; read{to_itself}</h2>x</section>'
    )
    noted = section("T", "x", Markup("<hr>"), note="n<").text
    assert noted.endswith('</h2><p class="note">n&lt;</p>x<hr></section>')
    assert figure(Markup("<svg/>")).text == "<figure><svg/></figure>"
    captioned = figure(Markup("<svg/>"), "c<").text
    assert captioned == "<figure><svg/><figcaption>c&lt;</figcaption></figure>"


def test_colours_repeat_after_twelve_with_another_marker() -> None:
    assert dot(0).text == (
        '<svg class="dot s0" viewBox="-6 -6 12 12" aria-hidden="true"><use href="#mark-0"/></svg>'
    )
    assert dot(11) == Markup(dot(0).text.replace("s0", "s11").replace("mark-0", "mark-11"))
    assert dot(12) == Markup(dot(0).text.replace("mark-0", "mark-1"))
    assert len({dot(k).text for k in range(144)}) == 144
    assert named(0, "<b>").text == f"{dot(0).text}<bdi>&lt;b&gt;</bdi>"


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (0.5, "0.500", "0.50"),
        (-0.25, "0.000", "-0.25"),
        (1.75, "1.000", "1.75"),
        (0, "0.000", "0.00"),
    ],
)
def test_a_bar_is_as_long_as_its_share_within_its_cell(value: float, width: str, text: str) -> None:
    assert bar(value).text == f'<span class="bar" style="--share:{width}">{text}</span>'


def test_an_unknown_share_has_no_bar() -> None:
    assert bar(None).text == '<span class="unknown">-</span>'


def test_what_is_longer_than_the_limit_is_folded_away() -> None:
    content = Markup("<p></p>")
    assert folded("All <4>", content, 3, 3) == content
    found = folded("All <4>", content, 4, 3).text
    assert found == "<details><summary>All &lt;4&gt;</summary><p></p></details>"
