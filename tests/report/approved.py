"""Texts of this room that somebody has looked at and found good; see `tests/approved.py`."""

from __future__ import annotations

from pathlib import Path

from tests.approved import compare

FOLDER = Path(__file__).parent / "approved"


def check(name: str, text: str) -> None:
    """Compare a text with the approved one of this file name."""
    compare(FOLDER / name, text)
