"""The page in a real browser: nothing is wider than it, everything that can be pressed works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lrs_lightning.report import write_report
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import rows
from tests.report.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

REFERENCES = {"expert": 10_000.0, "random": -200.0}
EVIL = '<img src=x onerror="document.title=1"> $x_1$ ' + "長い名前" * 20


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    means = {"clean": 9000.0} | {f"mass@{k}": 9000.0 - 900 * k for k in range(1, 9)}
    played = [
        row
        for i, name in enumerate(("one", EVIL))
        for row in rows({k: v - 3000 * i for k, v in means.items()}, name, episodes=3)
    ]
    for row in played:
        row |= {"terminated": row["seed"] == 100 and row["severity"] > 2}
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(played)
    own = [row for row in played if row["policy"] == "one"]
    summarize(own, REFERENCES).write(folder)
    return write_report([folder], folder / "report.html")


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.open(page)
        yield opened


def test_a_heading_sorts_and_tells_so(browser: Browser) -> None:
    table = "document.querySelector('table.matrix')"
    first = f"[...{table}.tBodies[0].rows].map(r => r.cells[1].textContent)"
    before = browser.ask(first)
    browser.ask(f"{table}.querySelectorAll('thead button')[1].click()")
    assert browser.ask(first) == sorted(before, key=float) != before
    assert browser.ask(f"{table}.tHead.rows[0].cells[1].ariaSort") == "ascending"
    browser.ask(f"{table}.querySelectorAll('thead button')[1].click()")
    assert browser.ask(first) == sorted(before, key=float, reverse=True)


def test_words_filter_rows(browser: Browser) -> None:
    rows_ = "[...document.querySelector('table.matrix').tBodies[0].rows]"
    shown = f"{rows_}.filter(r => !r.hidden).length"
    typed = (
        "(w => {{ const box = document.querySelector('#shift-by-policy input'); box.value = w; "
        "box.dispatchEvent(new Event('input')); }})('{}')"
    )
    browser.ask(typed.format("MASS @3"))
    assert browser.ask(shown) == 1
    browser.ask(typed.format(""))
    assert browser.ask(shown) == 9


def test_cells_show_another_number(browser: Browser) -> None:
    cell = "document.querySelector('table.matrix td')"
    for measure in ("return", "expert"):
        browser.ask(f"document.querySelector('.choice [data-measure={measure}]').click()")
        assert browser.ask(f"{cell}.textContent === {cell}.dataset.{measure}")
    assert browser.ask("document.querySelectorAll('.choice [aria-pressed=true]').length") == 1


def test_every_episode_is_a_dot_and_the_keys_tell_of_it(browser: Browser) -> None:
    assert browser.ask("document.querySelectorAll('.field .dot').length") == 6
    key = "new KeyboardEvent('keydown', {key: 'ArrowRight', cancelable: true})"
    browser.ask(f"document.querySelector('.scatter').dispatchEvent({key})")
    told = browser.ask("document.querySelector('.told').textContent")
    assert told.startswith("one · seed 10") and "steps" in told
    assert browser.ask("document.querySelectorAll('.field .chosen').length") == 1


def test_the_csv_is_unpacked_by_the_page(browser: Browser) -> None:
    text = browser.ask("textOf(document.querySelector('a[data-csv=episodes]'))")
    lines = text.splitlines()
    assert lines[0].startswith("method,condition,policy,shift") and len(lines) == 1 + 2 * 9 * 3


def test_names_stay_text(browser: Browser) -> None:
    assert browser.ask("document.querySelectorAll('img').length") == 0
    names = browser.ask("[...document.querySelectorAll('.lane bdi')].map(b => b.textContent)")
    assert EVIL in names


def test_everything_can_be_reached_and_is_named(browser: Browser) -> None:
    pressed = "'button, a, input, select, svg[role=img], [role=application]'"
    unnamed = (
        f"[...document.querySelectorAll({pressed})]"
        ".filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"
    )
    assert browser.ask(unnamed) == 0
    broken = (
        "[...document.querySelectorAll('a[href^=\"#\"], use')]"
        ".filter(e => !document.querySelector(e.getAttribute('href'))).length"
    )
    assert browser.ask(broken) == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (820, "dark"), (390, "dark")])
def test_nothing_is_wider_than_the_page(
    page: Path, browser: Browser, width: int, scheme: str
) -> None:
    browser.open(page, width, scheme)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    red = browser.ask("getComputedStyle(document.body).backgroundColor").split("(")[1].split(",")[0]
    assert (int(red) > 128) == (scheme == "light")
    clipped = (
        "[...document.querySelectorAll('.forest td:not(.plot)')]"
        ".filter(c => c.scrollWidth > c.clientWidth + 1).length"
    )
    assert browser.ask(clipped) == 0
    assert browser.errors == []
