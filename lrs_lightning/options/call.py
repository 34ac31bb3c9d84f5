"""Call a typed function with the words of a command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from lrs_lightning.options.parser import Parser
from lrs_lightning.options.signature import parser_for


def call(function: Callable[..., Any], prog: str, words: Sequence[str]) -> Any:
    """Parse the words by the function's signature, and call it.

    Args:
        function: see `parser_for`.
        prog: how the command is called, e.g. `"python -m lrs_lightning collect"`.
        words: the command line, without what `prog` has.

    Returns:
        What the function returns; 0 after `--help` and `--print_config`.

    Raises:
        ArgumentError: the words are no options of this function.
    """
    options = parse(parser_for(function, prog), words)
    if options is None:
        return 0
    names = inspect.signature(function).parameters.values()
    positional = [options.pop(p.name) for p in names if p.kind is p.POSITIONAL_ONLY]
    return function(*positional, **options)


def parse(parser: Parser, words: Sequence[str]) -> dict[str, Any] | None:
    """Options by name; None where only a page was asked for, which has been printed.

    Raises:
        ArgumentError: the words are no options of this parser.
    """
    try:
        found = parser.parse_args(list(words)).as_dict()
    except SystemExit:  # after --help or --print_config
        return None
    found.pop("config", None)
    return found
