"""A choice between commands: the page that lists them, and the sentence for one that is not there.

Knows nothing of parsers, so that a program's first page needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping

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
