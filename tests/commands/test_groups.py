"""`--group`: words to groups of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs_lightning.commands.groups import groups_of
from lrs_lightning.errors import ArgumentError


def test_words_continue_the_group_that_was_named_last() -> None:
    assert groups_of(None) == {}
    words = ["lrs=runs/v0", "runs/v1", "dense=runs/v5", "v6"]
    assert groups_of(words) == {"lrs": ["runs/v0", "runs/v1"], "dense": ["runs/v5", "v6"]}
    assert groups_of(["lrs=", "runs/v0"]) == {"lrs": ["runs/v0"]}


def test_patterns_stand_for_the_paths_that_fit(tmp_path: Path) -> None:
    for name in ("v10", "v2", "odd=name", "w[1]"):
        (tmp_path / name).mkdir()
    found = groups_of([f"m={tmp_path}/v*", f"{tmp_path}/odd=name", f"{tmp_path}/w[1]"])
    assert [Path(path).name for path in found["m"]] == ["v10", "v2", "odd=name", "w[1]"]
    with pytest.raises(ArgumentError, match="nothing fits"):
        groups_of([f"m={tmp_path}/x*"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["runs/v0"], "must name a method: --group NAME=runs/v0"), (["a=x", "a=y"], "named twice")],
)
def test_words_that_are_no_groups(words: list[str], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        groups_of(words)
