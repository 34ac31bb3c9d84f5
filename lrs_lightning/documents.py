"""JSON and YAML that may be damaged, foreign or hostile: read as a declared shape, or refused.

A shape is any type that msgspec knows: a `Struct`, a `TypedDict`, a dataclass, `dict[str, float]`.
What we write ourselves carries a checksum of its content, so that a flipped byte which still is
JSON is told as well.
"""

from __future__ import annotations

import errno
import hashlib
import stat
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from lrs_lightning.errors import DataError
from lrs_lightning.files import write_whole

T = TypeVar("T")
CHECKSUM = "sha256"
"""Key of the checksum in an object; an object without it is read unchecked."""
LARGEST = 256 << 20
"""Bytes of the largest document that is read."""


def read_json(path: Path | Traversable, shape: type[T], mend: str) -> T:
    """Read a JSON file.

    Args:
        path: the file.
        shape: the type that its content must have.
        mend: what the user can do about a bad one, the end of every sentence.

    Raises:
        DataError: it is missing, too large, damaged, altered, or of another shape.
    """
    content = read_bytes(path, mend)
    check(content, str(path), mend)
    return parse_json(content, shape, str(path), mend)


def parse_json(content: bytes | str, shape: type[T], where: str, mend: str) -> T:
    """Decode JSON; `where` begins the sentence if it cannot be.

    Raises:
        DataError: it is no JSON, or of another shape.
    """
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {_plain(error)}: {mend}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{where} is no JSON ({_plain(error)}): {mend}") from None


def read_yaml(path: Path | Traversable, shape: type[T], mend: str) -> T:
    """Read a YAML file of plain values; a tag that would build an object is refused.

    Args:
        path: as in `read_json`.
        shape: as in `read_json`.
        mend: as in `read_json`.

    Raises:
        DataError: it is missing, too large, damaged, or of another shape.
    """
    content = read_bytes(path, mend)
    try:
        values = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DataError(f"{path} is no YAML ({_plain(error)}): {mend}") from None
    return as_shape(values, shape, str(path), mend)


def as_shape(values: Any, shape: type[T], where: str, mend: str) -> T:
    """Plain values that came from a file, as a declared shape; `where` begins the sentence.

    Raises:
        DataError: they are of another shape.
    """
    try:
        return msgspec.convert(values, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DataError(f"{where}: {_plain(error)}: {mend}") from None


def write_json(path: Path, values: dict[str, Any]) -> Path:
    """Write an object with its checksum, whole or not at all.

    Args:
        path: the file.
        values: plain values; a number that is not finite becomes null.

    Raises:
        DataError: the file cannot be written.
    """
    marked = {**values, CHECKSUM: checksum(values)}
    return write_whole(path, msgspec.json.format(msgspec.json.encode(marked), indent=2) + b"\n")


def checksum(values: dict[str, Any]) -> str:
    """SHA-256 of an object's content, whatever its layout and the order of its keys."""
    content = {key: value for key, value in values.items() if key != CHECKSUM}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def check(content: bytes, where: str, mend: str) -> None:
    """Compare an object with the checksum that it carries, if any.

    Raises:
        DataError: they differ, or it is no JSON.
    """
    values = parse_json(content, Any, where, mend)
    if isinstance(values, dict) and values.get(CHECKSUM, checksum(values)) != checksum(values):
        raise DataError(f"{where} was altered (its checksum is not that of its content): {mend}")


def read_bytes(path: Path | Traversable, mend: str) -> bytes:
    """The content of a file that is no larger than a document can be.

    Raises:
        DataError: it is missing, no regular file, or larger than `LARGEST`.
    """
    try:
        if isinstance(path, Path) and not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "no regular file")  # a pipe would keep us waiting
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path} ({reason}): {mend}") from None
    if len(content) > LARGEST:
        raise DataError(f"{path} is larger than {LARGEST >> 20} MiB: {mend}")
    return content


def _plain(error: Exception) -> str:
    """What a library says, on one line and not too long."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    return " ".join(str(error).replace("`", "").split())[:200]
