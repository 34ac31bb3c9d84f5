"""Figures on disk as soon as they are known, so that a run that is cut off loses none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Row = dict[str, Any]


class Journal:
    """A file of rows, one JSON object per line, each known by its key and by the kernels' source.

    Args:
        path: the file; it is made with the first row.

    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, source: str | None = None) -> list[Row]:
        """All whole rows, or those of one version of the kernels; a line cut off is no row."""
        if not self.path.is_file():
            return []
        found = [_parsed(line) for line in self.path.read_text().splitlines()]
        return [row for row in found if row and source in (None, row.get("source"))]

    def done(self) -> set[str]:
        """Keys of what was measured of the kernels as they are now."""
        return {row["key"] for row in self.rows(source_hash())}

    def add(self, key: str, row: Mapping[str, Any]) -> None:
        """Write one row, and see to it that it is on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key, **row, "source": source_hash()}) + "\n")
            file.flush()


def _parsed(line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) and "key" in row else {}


@cache
def source_hash() -> str:
    """Twelve digits of the SHA-256 of the kernels' source: a bare copy has no commit."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "kernels" / "lrs_kernels").rglob("*.py")):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
