"""Parameters of which `make test` runs some and `make test-long` the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def always(cases: Iterable[Any], chosen: Callable[[Any], bool]) -> list[Any]:
    """All cases as parameters: those that are not chosen in long runs alone.

    Args:
        cases: values, or tuples of values.
        chosen: whether a case runs in `make test` too; a rule that depends on the case alone.
    """
    return [case if chosen(case) else long_only(case) for case in cases]


def in_turns(ways: Iterable[Any], cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Every way with every case as parameters `(way, *case)`, of which some run in `make test`.

    There each case is tried in one way, the next case in the next one, so that every way and every
    case is met, and every pair in a long run.
    """
    order, found = list(ways), []
    for n, case in enumerate(cases):
        rows = [(way, *case) for way in order]
        found += [row if k == n % len(order) else long_only(row) for k, row in enumerate(rows)]
    return found


def long_only(case: Any) -> Any:
    """A parameter of long runs alone."""
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.long)
