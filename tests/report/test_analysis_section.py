"""The report shows the figures of an analysis, and nothing else that lies in its folder."""

from __future__ import annotations

import json

import pytest

from lrs_lightning.report import write_report
from tests.report.test_report import Page, run

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def analysed(folder, *figures):
    run(folder)
    (folder / "analysis").mkdir()
    for name in ("weights", "memory"):
        (folder / "analysis" / f"{name}.svg").write_text(SVG)
    content = {"schema": 1, "figures": list(figures)}
    (folder / "analysis" / "figures.json").write_text(json.dumps(content))
    return folder


def images(tmp_path, folder):
    text = write_report([folder], tmp_path / "report.html").read_text()
    page = Page(text)
    return [a for tag, a in page.tags if tag == "img" and "svg+xml" in a["src"]], text


def test_listed_figures_are_shown_with_their_sentence(tmp_path):
    figures = (
        {"name": "memory", "caption": "It <b>forgets</b>."},
        {"name": "weights", "caption": ""},
    )
    shown, text = images(tmp_path, analysed(tmp_path / "run", *figures))
    assert [a["alt"] for a in shown] == ["It <b>forgets</b>.", ""]
    assert "Why it holds up" in text and text.count("<script") == 1


def test_a_run_that_was_not_analysed_has_no_such_section(tmp_path):
    shown, text = images(tmp_path, run(tmp_path / "run"))
    assert not shown and "Why it holds up" not in text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"figures": 3}', '{"figures": [{}]}'])
def test_a_damaged_list_is_no_reason_to_fail(tmp_path, content):
    folder = analysed(tmp_path / "run")
    (folder / "analysis" / "figures.json").write_text(content)
    assert not images(tmp_path, folder)[0]


def test_nothing_from_elsewhere_is_shown(tmp_path):
    (tmp_path / "secret.svg").write_text(SVG)
    folder = analysed(
        tmp_path / "run", {"name": "../../secret"}, {"name": "linked"}, {"name": "gone"}
    )
    (folder / "analysis" / "linked.svg").symlink_to(tmp_path / "secret.svg")
    assert not images(tmp_path, folder)[0]
