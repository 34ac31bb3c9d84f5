"""The short help of Lightning's verbs is what the real parser says."""

from __future__ import annotations

import warnings

import pytest

from lrs_lightning.cli import main
from lrs_lightning.commands import fit_page


def test_the_page_is_what_the_parser_says():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, of words that are not those of sys.argv
        page = fit_page.fit_page()
    anew = "run python -m lrs_lightning.commands.fit_page"
    assert fit_page.FILE.read_text(encoding="utf-8") == page, anew


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_the_page_fits_a_terminal(verb, capsys):
    assert main([verb, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"usage: python -m lrs_lightning {verb} ")
    assert max(map(len, lines)) <= fit_page.WIDTH and len(lines) <= 60
    assert not any("None" in line or "Namespace" in line for line in lines)


@pytest.mark.parametrize(
    ("verb", "sections"),
    [
        ("fit", "policy training run demonstrations evaluation general"),
        ("validate", "run demonstrations evaluation general"),
        ("test", "run demonstrations evaluation general"),
        ("predict", "run demonstrations general"),
    ],
)
def test_a_verb_shows_the_keys_that_it_asks_for(verb, sections, capsys):
    assert main([verb, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [
        line[:-1] for line in lines if line.endswith(":") and line[0] != " "
    ] == sections.split()
