"""One line of `results.jsonl`: flat JSON whose last column is a checksum of the others.

What is summed is the deterministic JSON of the row, so that the order of columns does not matter. A
line is written as just that text with the checksum behind it: it is verified without being decoded
first. Lines of another order (earlier versions, other programs) are decoded, encoded and compared.
"""

from __future__ import annotations

import json
import zlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

SCHEMA = 1
COLUMNS = (
    "policy", "env", "shift", "severity", "episode", "seed", "return", "length", "status"
)  # fmt: skip
"""The columns that every line has."""

CHECKSUM = "crc32"
"""Column with the checksum of the others; a line without it is read unchecked."""

Row = dict[str, Any]

_CONTENT = msgspec.json.Encoder(order="deterministic")  # whatever the order of columns
_ROW = msgspec.json.Decoder(Row)
_BEFORE, _AFTER = f',"{CHECKSUM}":"'.encode(), b'"}\n'
_MARK = len(_BEFORE) + 8 + len(_AFTER)  # the end of a line, from the comma before the checksum
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Name = Annotated[str, Meta(min_length=1, max_length=4096)]
_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Number = Annotated[float, Meta(ge=-1e100, le=1e100)]


class Columns(Struct):
    """The types of the columns that every line has; further ones are kept as they are."""

    policy: _Name
    env: _Name
    shift: _Name
    severity: _Count
    episode: _Count
    seed: _Count
    return_: _Number | None = field(name="return")
    length: _Count
    status: Literal["ok", "failed"]
    condition: _Name | None = None
    step: _Count | None = None
    outcome: str | None = None
    terminated: bool | None = None
    success: bool | None = None
    fell_at: _Count | None = None
    schema: Any = SCHEMA


_COLUMNS = msgspec.json.Decoder(Columns)


class LineError(ValueError):
    """What is wrong with a line, and how to mend it; a sentence whose subject is that line."""


def line_of(row: Row) -> bytes:
    """The line of a row, with its checksum.

    Raises:
        ValueError: a number that is not finite; JSON has none.
    """
    content = _content(row)
    if b"null" in content:  # the encoder writes null for NaN
        json.dumps(row, allow_nan=False)
    return _sealed(content)


def verified(line: bytes) -> bytes | None:
    """The same row as `line_of` writes it, whoever wrote it; None where it is no JSON object.

    A line without a checksum gets one, one that is as it should be already is not copied.

    Raises:
        LineError: the checksum is that of another content.
    """
    if line[-_MARK : -_MARK + len(_BEFORE)] == _BEFORE:
        told = line[-_MARK + len(_BEFORE) :]
        if told == b"%08x%b" % (zlib.crc32(b"}", zlib.crc32(memoryview(line)[:-_MARK])), _AFTER):
            return line
    row = decoded(line)
    if row is None:
        return None
    content = _content(row)
    if row.get(CHECKSUM) not in (None, f"{zlib.crc32(content):08x}"):
        raise LineError(
            f"was altered (its {CHECKSUM} is not that of its content): delete it, and the episode "
            "is played again"
        )
    return _sealed(content)


def decoded(line: bytes) -> Row | None:
    """The columns of a line, checksum included; None where it is no JSON object."""
    try:
        return _ROW.decode(line)
    except _NO_JSON:
        return None


def row_of(line: bytes) -> Row:
    """The columns of a verified line, without the checksum."""
    row = _ROW.decode(line)
    del row[CHECKSUM]
    return row


def checked(line: bytes) -> Columns:
    """The columns that every line has, of one that is verified.

    Raises:
        LineError: another schema, a column that is missing or of another type, an episode that is
            ok and has no return.
    """
    try:
        columns = _COLUMNS.decode(line)
    except _NO_JSON as error:
        row = decoded(line) or {}
        _check_schema(row.get("schema", SCHEMA))
        if missing := [name for name in COLUMNS if name not in row]:
            lacking = ", ".join(missing)
            raise LineError(f"lacks {lacking}: it is no line of a results file") from None
        reason = str(error).replace("`", "")
        raise LineError(f"cannot be read ({reason}): delete it, the others can stay") from None
    _check_schema(columns.schema)
    if columns.status == "ok" and columns.return_ is None:
        raise LineError("is ok and has no return: delete it, the others can stay")
    return columns


def _check_schema(schema: Any) -> None:
    if schema != SCHEMA:
        raise LineError(
            f"has schema {str(schema)[:40]} and this version reads {SCHEMA}: "
            "install the version of lrs_lightning that wrote it"
        )


def _content(row: Row) -> bytes:
    return _CONTENT.encode({name: value for name, value in row.items() if name != CHECKSUM})


def _sealed(content: bytes) -> bytes:
    return b"%b%b%08x%b" % (content[:-1], _BEFORE, zlib.crc32(content), _AFTER)
