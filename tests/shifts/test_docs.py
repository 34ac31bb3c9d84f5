"""The documentation of the shifts says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from lrs_lightning.shifts import Condition, registry, shift_types

DOCS = Path(__file__).parents[2] / "docs" / "shifts.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\d., ]+) \|", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)


def test_the_table_lists_every_shift_with_its_strengths():
    documented = {
        name: (domain, tuple(float(s) for s in strengths.split(",")))
        for name, domain, strengths in ROW.findall(DOCS.read_text())
    }
    ours = {t.name: t for t in registry._OURS}
    assert documented == {n: (t.domain, tuple(map(float, t.strengths))) for n, t in ours.items()}


def test_the_examples_run(capsys, monkeypatch):
    monkeypatch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))
    for block in blocks("python"):
        exec(compile(block, str(DOCS), "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 4 * 3
    assert "fog" in shift_types()


def test_the_yaml_is_read():
    (block,) = blocks("yaml")
    conditions = [Condition.parse(entry) for entry in yaml.safe_load(block)]
    assert [c.severity for c in conditions] == [3, 3, 2, 3]
