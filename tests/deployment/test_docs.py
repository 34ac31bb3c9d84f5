"""The page on deployment runs as it stands there, and so do the examples of this room."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import lrs_lightning.deployment as room

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"
MODULES = [module.name for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]


@pytest.fixture(autouse=True)
def no_trace():
    """The page puts a folder into the path of imports and a module beside ours."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("lrs_policy", None)


def test_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 20
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0
