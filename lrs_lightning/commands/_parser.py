"""The argument parser of every verb: whole option names only, and a hint at the nearest one."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from lrs_lightning.errors import ArgumentError, did_you_mean


class Parser(argparse.ArgumentParser):
    """`ArgumentParser` that takes no abbreviations and raises `ArgumentError` instead of exiting.

    Args:
        verb: the word after `python -m lrs_lightning`.
        description: one paragraph for `--help`.
    """

    def __init__(self, verb: str, description: str) -> None:
        super().__init__(
            prog=f"python -m lrs_lightning {verb}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise one sentence, with the nearest option for an unknown one."""
        unknown = re.match(r"unrecognized arguments: (--[\w.-]+)", message)
        if unknown:
            options = [o for action in self._actions for o in action.option_strings]
            message = f"unknown option {unknown[1]}{did_you_mean(unknown[1], options)}"
        raise ArgumentError(f"{message} (see {self.prog} --help)")


def positive_int(text: str) -> int:
    """A whole number of at least 1, for `type=` of an option."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number
