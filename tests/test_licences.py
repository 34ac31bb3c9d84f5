"""docs/licences.md names every package that pyproject.toml does, with the licence it declares."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distributions, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from tools.lock import LOCK, read

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = {
    canonical(row[0].strip("`")): row[-1]
    for line in re.findall(r"^\| (`.*) \|$", PAGE, re.M)
    for row in [line.split(" | ")]
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Families, in the words of licence expressions and of the older texts.
FAMILIES = {"Apache", "BSD", "GPL", "ISC", "MIT", "MPL", "PSF|Python Software Foundation"}


def direct() -> set[str]:
    groups = [
        PROJECT["project"]["dependencies"],
        PROJECT["build-system"]["requires"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    words = [word for group in groups for word in group if isinstance(word, str)]
    return {canonical(Requirement(word).name) for word in words}


def declared(name: str) -> str:
    """What an installed package says of its licence, in all the places where it may say it."""
    found = metadata(name)
    classifiers = [c for c in found.get_all("Classifier") or [] if c.startswith("License")]
    # Some put the whole text there, which names other licences further down.
    text = (found.get("License") or "")[:100]
    return " ".join([found.get("License-Expression") or "", text, *classifiers])


def families(text: str) -> set[str]:
    return {family for family in FAMILIES if re.search(rf"\b({family})", text)}


def test_the_page_lists_what_the_project_names_and_no_more():
    assert set(ROWS) == direct()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_says_what_the_package_says(name):
    try:
        said = declared(name)
    except PackageNotFoundError:
        pytest.skip("not installed here")
    assert families(ROWS[name]) and families(ROWS[name]) <= families(said), (ROWS[name], said)
    # A licence that asks for more is never left out.
    assert families(said) & {"GPL", "MPL"} <= families(ROWS[name])


def test_no_copyleft_comes_unnamed():
    """Of everything locked, what others need included, as far as it is installed here."""
    locked = {name for file in LOCK.glob("*.txt") for name in read(file.read_text())}
    installed = {canonical(one.metadata["Name"]) for one in distributions()} & locked
    assert len(installed) > 50
    copyleft = {name for name in installed if "GPL" in families(declared(name))}
    assert copyleft <= {canonical(word) for word in re.findall(r"`([\w.-]+)`", PAGE)}
    assert "ale-py" in copyleft or "ale-py" not in installed
