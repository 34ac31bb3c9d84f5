"""How `--help` looks: one line for an option where it fits, its default, and nothing twice."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from jsonargparse import DefaultHelpFormatter

from lrs_lightning.options.kinds import kind_of

_COLUMN = 26  # where the texts begin


class Page(DefaultHelpFormatter):
    """Names the kind of value in place of the option's own name, and leaves `null` defaults out."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        kwargs.setdefault("max_help_position", _COLUMN)
        super().__init__(prog, **kwargs)  # type: ignore[no-untyped-call]

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """One spelling of each option, `-h` aside: others are accepted, not shown."""
        if not action.option_strings:
            return str(action.metavar or action.dest)
        if action.nargs == 0:
            return ", ".join(shown_options(action))
        values = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{shown_options(action)[-1]} {values}".rstrip()

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return kind_of(action).metavar or str(action.dest).rsplit(".", 1)[-1].upper()

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        """`P ...` for several values, where argparse writes `P [P ...]`."""
        if action.nargs in ("+", "*"):
            (name,) = self._metavar_formatter(action, default_metavar)(1)
            return f"{name} ..."
        return str(super()._format_args(action, default_metavar))

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if action.required and action.option_strings:
            return text
        shown = default_of(action)
        return f"{text} (default: {shown})" if shown else text


def shown_options(action: argparse.Action) -> list[str]:
    """The spellings of an option that help shows: the first long one, and a short one before it."""
    longer = [option for option in action.option_strings if option.startswith("--")]
    short = [option for option in action.option_strings if not option.startswith("--")]
    return short + longer[:1]


def default_of(action: argparse.Action) -> str:
    """The default as one would type it; empty where there is none to speak of."""
    value = action.default
    if value is None or value is argparse.SUPPRESS or action.nargs == 0:
        return ""
    if getattr(value, "class_path", None):  # a choice among classes
        return str(value.class_path).rpartition(".")[2]
    if isinstance(value, list | tuple):
        return shlex.join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_line(description: str) -> str:
    """A description as help shows it: one line, without capital and full stop."""
    text = " ".join(description.split()).rstrip(".")
    return text[0].lower() + text[1:] if text[1:2].islower() else text
