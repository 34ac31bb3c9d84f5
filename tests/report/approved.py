"""What somebody has looked at and found good: a text is compared with it line by line.

After a change that was meant, `APPROVE=1 python -m pytest tests/report` writes the texts anew, and
their diff is what a reviewer reads.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "approved"


def check(name: str, text: str) -> None:
    """Compare a text with the approved one of this file name."""
    file = FOLDER / name
    if os.environ.get("APPROVE"):
        file.write_text(text, encoding="utf-8")
    approved = file.read_text(encoding="utf-8")
    changes = difflib.unified_diff(approved.splitlines(), text.splitlines(), "approved", "now", n=1)
    assert text == approved, "\n".join(["not as approved:", *changes])
