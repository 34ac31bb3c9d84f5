"""The nearest path to one that is not there: a hint for whoever mistyped it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

_LIKE = 0.6  # of two names, where 1 is the same
_MOST = 1000  # names of a folder that are looked at


def did_you_mean_path(path: str | Path, also: Iterable[str] = ()) -> str:
    """` (did you mean 'runs/a'?)` for a path that is not there; empty where nothing is near.

    Args:
        path: what was asked for; the first of its parts that is not there is compared with its
            neighbours.
        also: words that would have been right in its place.
    """
    word, wrong = str(path), Path(path)
    if near := get_close_matches(word, list(also), n=1, cutoff=_LIKE):
        return f" (did you mean {near[0]!r}?)"
    try:
        while not wrong.parent.exists():
            wrong = wrong.parent
        names = [entry.name for entry in islice(wrong.parent.iterdir(), _MOST)]
    except (OSError, ValueError):  # a name too long, or one that no path may have
        return ""
    shown = [name for name in names if not name.startswith(".") and name.isprintable()]
    near = get_close_matches(wrong.name, shown, n=1, cutoff=_LIKE)
    if not near or near[0] == wrong.name:
        return ""
    whole = wrong.parent / near[0] / Path(path).relative_to(wrong)
    return f" (did you mean {str(whole if whole.exists() else wrong.parent / near[0])!r}?)"


def such_as(folder: Path, file: str) -> str:
    """` such as runs/a`: the first folder below, at most two levels deep, that holds a file.

    Args:
        folder: which lacks it itself.
        file: its path within a folder.
    """
    for depth in ("*", "*/*"):
        try:
            found = sorted(islice((p for p in folder.glob(f"{depth}/{file}")), _MOST))
        except OSError:
            return ""
        if found:
            return f" such as {found[0].parents[file.count('/')]}"
    return ""
