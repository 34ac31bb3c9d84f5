"""A choice between commands: the page that lists them, and the sentence for one that is not there.

Knows nothing of parsers, so that a program's first page needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lrs_lightning.errors import ArgumentError, UnknownNameError, did_you_mean

HELP = ("-h", "--help")


def menu(usage: str, about: str, kind: str, entries: Mapping[str, str], more: str = "") -> str:
    """The page that lists commands, one line for each.

    Args:
        usage: how the program is called, e.g. `"python -m benchmarks SECTION [options]"`.
        about: one paragraph.
        kind: what the entries are, e.g. `"sections"`.
        entries: command -> what it does, in a few words.
        more: what stands below the list.
    """
    width = max(map(len, entries))
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in entries.items())
    page = f"usage: {usage}\n\n{about}\n\n{kind}:\n{lines}"
    return f"{page}\n\n{more}" if more else page


def unknown(
    kind: str, word: str, entries: Iterable[str], options: Sequence[str] = HELP
) -> ArgumentError:
    """The error for a word that is no entry: a command, or an option in a command's place.

    Args:
        kind: what the entries are, e.g. `"verb"`.
        word: what was given.
        entries: the commands.
        options: what may stand in their place.
    """
    if word.startswith("-"):
        known = [*options, *sorted(entries)]
        hint = did_you_mean(word, options)
        return ArgumentError(f"unknown option {word}{hint} There is {', '.join(known)}")
    return UnknownNameError(kind, word, entries)
