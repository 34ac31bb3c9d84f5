"""The one family of errors a user may meet: what happened, where, and how to mend it.

The command line prints the sentence of an `LrsError` and exits with 2, without a traceback. Raise
one for anything a user can cause (a name, a shape, a file, a folder); leave `AssertionError` and
the like for what only a programmer can.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80  # characters of a name that are repeated in a sentence

ANY_FAILURE: tuple[type[BaseException], ...] = (Exception, SystemExit)
"""What to catch around foreign code: an `exit()` in it must not end us as if all were done. A
signal (`Interrupted`, `KeyboardInterrupt`) is no failure and passes."""


class LrsError(Exception):
    """Base of all errors that a user can cause and mend."""


class ArgumentError(LrsError, ValueError):
    """An argument or a configuration key has a value that cannot be used."""


class UnknownNameError(ArgumentError):
    """A name that is not registered; the message offers the nearest one that is.

    Args:
        kind: what was looked for, e.g. `"shift"`.
        name: what was asked for.
        known: the names that exist.
        mend: what else would help, the end of the sentence.

    Example:
        >>> print(UnknownNameError("cell", "lsm", ["cfc", "lstm"]))
        unknown cell 'lsm': did you mean 'lstm'? There is cfc, lstm
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], mend: str = "") -> None:
        names = sorted(known)
        name = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
        super().__init__(
            f"unknown {kind} {name!r}{did_you_mean(name, names)} There is {', '.join(names)}"
            + (f"; {mend}" if mend else "")
        )


class DataError(LrsError):
    """A file or folder is missing, damaged, or holds something else than expected."""


class NotFiniteError(LrsError):
    """A loss, a gradient or a weight became NaN or infinite."""


class EnvironmentMismatchError(LrsError):
    """Two things that must belong to the same task do not (data, policy, expert, shift)."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`": did you mean 'x'?"` for the nearest known name, `"."` where none is near."""
    near = nearest(name, known)
    return "." if near is None else f": did you mean {near!r}?"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like one that is not known; None where none is near."""
    by_lower = {k.lower(): k for k in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[near[0]] if near else None
