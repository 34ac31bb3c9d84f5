"""One option's value before there is a parser, for a command whose options depend on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import yaml


def value_of(name: str, words: Sequence[str]) -> str | None:
    """The text of an option on the command line, or in a file that --config names.

    Later words win, as they do in the parser. What is wrong with a file is left for the parser to
    say.

    Args:
        name: of the option, without dashes; with dots where it stands in a section.
        words: the command line.

    Returns:
        None where it is not given.
    """
    value = None
    for option, text in pairs(words):
        if option == f"--{name}":
            value = text
        elif option == "--config":
            value = _in_file(name, Path(text)) or value
    return value


def pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with the word after them; `--option=word` is two words as well."""
    return pairwise(
        part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])
    )


def _in_file(name: str, path: Path) -> str | None:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values if isinstance(values, str) else None
