"""Every example of this room runs: those of docstrings, and those of its pages."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch

import lrs_lightning.nn as room

PAGES = sorted((Path(__file__).parents[2] / "docs" / "layers").glob("*.md"))
MODULES = [module.name for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    results = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert results.failed == 0


# Dynamo looks for the gradient of every tensor and hides the warning of that, not the error.
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page):
    blocks = FENCED.findall(page.read_text(encoding="utf-8"))
    assert blocks, f"{page} shows no example"
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    assert test.examples
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.failures == 0


def test_public_classes_show_an_example():
    public = [getattr(room, name) for name in room.__all__]
    layers = [
        item for item in public if isinstance(item, type) and issubclass(item, torch.nn.Module)
    ]
    lacking = [item.__name__ for item in layers if ">>>" not in (item.__doc__ or "")]
    # Bases show none: nobody makes one.
    assert set(lacking) <= {"Core", "Encoder", "LRSLayer", "PixelEncoder"}


def test_pages_link_to_pages_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} links to {target}"
