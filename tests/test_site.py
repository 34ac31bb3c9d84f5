"""The documentation site: its examples run, its links lead somewhere, every page is reached."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
import yaml

from tests.reading import ROOT
from tools.site_addresses import ELSEWHERE, heading, with_links

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Those whose examples no room tests.
TOP = [DOCS / f"{name}.md" for name in ("index", "install", "concepts")]
OURS = [*TOP, *sorted(DOCS.glob("guides/*.md"))]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def settings() -> dict:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def pages_of(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    children = nav.values() if isinstance(nav, dict) else nav
    return [page for child in children for page in pages_of(child)]


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_in_their_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in PYTHON.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, page.name, "exec"), names)


def test_most_pages_show_something_that_runs():
    shown = [page.name for page in OURS if PYTHON.search(page.read_text(encoding="utf-8"))]
    assert len(shown) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_between_pages_lead_to_files(page):
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(prose):
        if not re.match(r"https?:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_page_is_reached():
    listed = pages_of(settings()["nav"])
    assert len(listed) == len(set(listed))
    there = {str(page.relative_to(DOCS)) for page in PAGES} | set(ELSEWHERE.values())
    assert set(listed) == there
    assert all((ROOT / source).is_file() for source in ELSEWHERE)


@pytest.mark.parametrize("page", sorted(DOCS.glob("api/*.md")), ids=lambda page: page.stem)
def test_the_pages_of_the_api_are_of_modules_that_say_what_they_offer(page):
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M):
        module = importlib.import_module(name)
        assert module.__all__ and module.__doc__


def test_names_in_backticks_become_links():
    titles = {"evaluation.md": "E", "layers/README.md": "L", "package_kernels.md": "K"}
    text = "`docs/evaluation.md`, `docs/layers/`, `kernels/README.md`, `docs/none.md`, `a.md`\n"
    assert with_links(text, "guides/gpu.md", titles.get) == (
        "[E](../evaluation.md), [L](../layers/README.md), [K](../package_kernels.md), "
        "`docs/none.md`, `a.md`\n"
    )
    code = "```bash\ncat `docs/evaluation.md`\n```\n"
    assert with_links(code, "guides/gpu.md", titles.get) == code
    assert with_links("`docs/evaluation.md`", "evaluation.md", titles.get) == "`docs/evaluation.md`"


def test_the_title_of_a_page_is_its_heading():
    assert heading("# Atari: pixels in\n\ntext") == "Atari"
    assert heading("x\n\n# A `b`\n") == "A b"
    with pytest.raises(ValueError, match="without a title"):
        heading("## Second")


def test_nothing_is_fetched_from_elsewhere():
    told = settings()
    assert told["strict"] is True and told["theme"]["font"] is False
    assert not [p for p in told.get("extra_javascript", []) + told["extra_css"] if "//" in p]
    assert set(told["validation"].values()) == {"warn"}


def test_tools_of_the_site_are_not_needed_for_the_rest():
    assert "mkdocs" not in sys.modules
