"""A line is verified as it stands, in whatever order and by whatever program it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs_lightning.statistics import result_line
from lrs_lightning.statistics.result_line import (
    CHECKSUM,
    LineError,
    Row,
    checked,
    line_of,
    row_of,
    verified,
)

OF_OLD = (
    b'{"schema": 1, "policy": "a \\u00e9", "env": "Hopper-v5", "shift": "clean", "severity": 0, '
    b'"episode": 0, "seed": 1, "length": 2, "status": "ok", "return": 1e+16, "crc32": "aa8b21d6"}\n'
)
"""As earlier versions wrote them: columns in order of importance, spaces, no letter but ASCII."""

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=9)
ROWS = st.dictionaries(
    st.text(max_size=5).filter(lambda name: name != CHECKSUM),
    VALUES | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1,
)  # fmt: skip


@given(ROWS)
def test_a_written_line_is_verified_without_being_decoded(row: Row) -> None:
    line = line_of(row)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(result_line, "decoded")
        assert verified(line) is line
    assert row_of(line) == row and line.count(b"\n") == 1
    assert list(json.loads(line))[-1] == CHECKSUM


@given(ROWS, st.randoms(use_true_random=False), st.booleans())
def test_order_and_spaces_do_not_matter(row: Row, random: Any, ascii_only: bool) -> None:
    marked = json.loads(line_of(row))
    names = list(marked)
    random.shuffle(names)
    other = json.dumps({name: marked[name] for name in names}, ensure_ascii=ascii_only).encode()
    assert verified(other) == line_of(row) == verified(line_of(row).rstrip())


def test_lines_of_old_are_verified() -> None:
    line = verified(OF_OLD)
    assert line is not None and checked(line).policy == "a é"
    assert row_of(line)["return"] == 1e16
    with pytest.raises(LineError, match="was altered"):
        verified(OF_OLD.replace(b'"seed": 1', b'"seed": 3'))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_number_for_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        line_of({"policy": "a", "loss": value})


@pytest.mark.parametrize("told", [{}, {CHECKSUM: None}])
def test_a_line_without_a_checksum_gets_one(told: Row) -> None:
    """Or with none in it, as a table has it that was joined from lines with and without."""
    row = {"policy": "a", "seed": 1}
    assert verified(json.dumps(row | told).encode()) == line_of(row)
