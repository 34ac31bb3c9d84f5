"""The parser of every command: whole option names only, and one sentence for what is wrong."""

from __future__ import annotations

from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.page import Page
from lrs_lightning.options.sentences import sentence


class Parser(ArgumentParser):
    """jsonargparse's parser, without abbreviations and without exits.

    Takes what `jsonargparse.ArgumentParser` takes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, "formatter_class": Page, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `ArgumentError`: one sentence, with the nearest right word for a wrong one."""
        parser = getattr(ex, "subcommand_parser", None) or self
        text = self.reword(message) if parser is self else parser.reword(message)
        program = parser.prog.replace(" [options]", "")  # which argparse puts before a subcommand
        raise ArgumentError(f"{text or sentence(message, parser)} (see {program} --help)") from ex

    def reword(self, message: str) -> str | None:
        """A sentence for what only this parser knows; None leaves it to `sentence`."""
        return None
