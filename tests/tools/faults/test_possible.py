"""Which faults are possible, which are not faults at all, and what a draw promises."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("mutmut")

from tools.faults.possible import Fault, draw, possible

CODE = '''
"""A docstring with 1 + 1."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    LIMIT = 7

__all__ = ["scaled"]
Number: TypeAlias = "int | float"
Row = dict[str, Number]
Either = int | str
log = logging.getLogger(__name__)


def scaled(x: dict[str, "int"], by: float = 2.0) -> float:
    """Another docstring."""
    log.warning("scaling %d by %d", 3, 4)
    if x["a"] < 0:
        raise ValueError(f"negative: {x} " + "text", 5)
    return max(
        x["a"],
        0,
    ) * by
'''


@pytest.fixture
def faults(tmp_path: Path) -> list[Fault]:
    path = tmp_path / "room" / "part.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return possible(path, tmp_path)


def test_they_are_small_changes_of_code(faults: list[Fault]) -> None:
    changes = {fault.diff for fault in faults}
    assert '-    if x["a"] < 0:\n+    if x["a"] <= 0:' in changes
    assert "-    ) * by\n+    ) / by" in changes
    assert "-        0,\n+        1," in changes
    assert {fault.file for fault in faults} == {"room/part.py"}
    for fault in faults:
        ast.parse(fault.code)
        assert fault.code != CODE


def test_no_behaviour_hangs_on_texts_and_types(faults: list[Fault]) -> None:
    taken = {line[1:].strip() for f in faults for line in f.diff.splitlines() if line[0] == "-"}
    for silent in (
        "docstring",
        "LIMIT",
        "__all__",
        "TypeAlias",
        "Row",
        "Either",
        "log.warning",
        "raise",
    ):
        assert not any(silent in line for line in taken), silent
    annotated = 'def scaled(x: dict[str, "int"], by: float = 2.0) -> float:'
    assert {f.diff.splitlines()[1] for f in faults if f.diff.startswith("-" + annotated)} == {
        "+" + annotated.replace("2.0", "3.0")
    }


def test_a_fault_knows_the_lines_of_its_statement(faults: list[Fault]) -> None:
    lines = CODE.splitlines()
    for fault in faults:
        first, last = fault.lines
        start = min(k for k, line in enumerate(lines, 1) if line == fault.diff.splitlines()[0][1:])
        assert first <= start <= last
    assert {f.lines for f in faults if "by" in f.diff} >= {(24, 27)}


def test_defaults_and_constants_are_run_at_import(tmp_path: Path) -> None:
    path = tmp_path / "part.py"
    path.write_text(
        "A = 1\n\n\nclass C:\n    B = 2\n\n    @mark(3)\n    def f(self, x=4):\n"
        "        if x > 5:\n            return x + 6\n        return lambda: 7\n"
    )
    numbers = {1: True, 2: True, 3: True, 4: True, 5: False, 6: False, 7: False}
    for fault in possible(path, tmp_path):
        changed = [n for n in numbers if f"{n + 1}" in fault.diff.partition("\n+")[2]]
        if len(changed) == 1 and str(changed[0]) in fault.diff.partition("\n+")[0]:
            assert fault.at_import is numbers.pop(changed[0])
    assert not numbers


def test_keys_are_all_different_and_stay_when_other_code_is_edited(
    faults: list[Fault], tmp_path: Path
) -> None:
    keys = [fault.key for fault in faults]
    assert len(set(keys)) == len(keys)
    path = tmp_path / "room" / "part.py"
    path.write_text("TEN = 10\n" + CODE)
    after = possible(path, tmp_path)
    assert set(keys) < {fault.key for fault in after}
    assert {fault.source for fault in after}.isdisjoint({fault.source for fault in faults})


def test_the_same_seed_draws_the_same_and_more_hold_fewer(faults: list[Fault]) -> None:
    few, many = draw(faults, 5, seed=1), draw(faults, 12, seed=1)
    assert many[:5] == few and len(many) == 12
    assert draw(reversed(faults), 12, seed=1) == many
    assert draw(faults, 12, seed=2) != many


def test_every_fault_is_as_likely_as_any_other(faults: list[Fault]) -> None:
    all_ = draw(faults, 10**6, seed=0)
    rounds = 400
    drawn = Counter(f.key for seed in range(rounds) for f in draw(all_, 5, seed))
    expected = rounds * 5 / len(all_)
    assert set(drawn) == {fault.key for fault in all_}
    # Six deviations of a binomial count.
    assert all(abs(drawn[f.key] - expected) < 6 * expected**0.5 for f in all_)


def test_what_python_takes_as_the_same_program_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "part.py"
    path.write_text("def f(x):\n    for _ in x:\n        break\n    return dict(a=1)\n")
    drawn = draw(possible(path, tmp_path), 100, seed=0)
    assert drawn
    programs = [ast.dump(ast.parse(fault.code)) for fault in drawn]
    assert len(set(programs)) == len(programs)
    assert ast.dump(ast.parse(path.read_text())) not in programs
