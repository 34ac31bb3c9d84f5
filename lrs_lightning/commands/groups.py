"""`--group NAME=run run ...`: which runs are training seeds of one method, as words tell it."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence

from lrs_lightning.errors import ArgumentError

_NAMED = re.compile(r"(?P<name>[^=/]+)=(?P<word>.*)", re.DOTALL)


def groups_of(words: Sequence[str] | None) -> dict[str, list[str]]:
    """Method -> its runs; `NAME=` begins a method, further words continue it.

    A word with `*`, `?` or `[` stands for the paths that it fits, in order of their names.

    Raises:
        ArgumentError: the first word names no method, a name comes twice, or nothing fits a word.
    """
    found: dict[str, list[str]] = {}
    for word in words or ():
        match = None if os.path.exists(word) else _NAMED.fullmatch(word)
        if match:
            name, word = match["name"], match["word"]
            if name in found:
                raise ArgumentError(f"--group: {name!r} is named twice: list its runs once")
            found[name] = []
        if not found:
            raise ArgumentError(
                f"--group {word}: the first word must name a method: --group NAME={word}"
            )
        if word:
            found[next(reversed(found))] += _expanded(word)
    return found


def _expanded(word: str) -> list[str]:
    if os.path.exists(word) or not glob.has_magic(word):
        return [word]
    paths = sorted(glob.glob(word))
    if not paths:
        raise ArgumentError(f"--group: nothing fits {word!r}: give run folders that exist")
    return paths
