"""One sentence for whatever the parser refuses: what, and which word would have been right."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from lrs_lightning.errors import did_you_mean
from lrs_lightning.near import did_you_mean_path
from lrs_lightning.options.kinds import kind_of
from lrs_lightning.options.peek import pairs


def sentence(message: str, parser: argparse.ArgumentParser) -> str:
    """Reword what jsonargparse says.

    Args:
        message: its message, which may have several lines.
        parser: whose options may be meant.

    Returns:
        One line; a message of a kind that is not known here stays, on one line.
    """
    text = " ".join(message.split())
    for pattern, reword in _KINDS:
        found = pattern.search(text)
        if found:
            return reword(found, parser)
    return text


def _unknown_word(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    word = found["word"].partition("=")[0]
    if not word.startswith("-"):
        return f"{word!r} belongs to no option{_where_it_goes(word, parser)}"
    if "." in word:  # a key of a configuration, which a file may give as well
        return _unknown(word.lstrip("-"), parser)
    place = next(
        (
            str(a.metavar)
            for a in parser._actions
            if not a.option_strings and a.dest == word.lstrip("-").replace("-", "_")
        ),
        None,
    )
    if place is not None:
        return f"unknown option {word}: give {place} without it"
    options = [o.lstrip("-") for action in parser._actions for o in action.option_strings]
    hint = did_you_mean(word.lstrip("-"), options).rstrip(".")
    return f"unknown option {word}{hint.replace(chr(39), chr(39) + '--', 1)}"


def _where_it_goes(word: str, parser: Any) -> str:
    """For a word without its option: the one that is required and was not given."""
    given = {option for option, _ in pairs([*getattr(parser, "args", ()), ""])}
    for action in parser._actions:
        if action.required and action.option_strings and not given & set(action.option_strings):
            return f": did you mean {action.option_strings[0]} {word}?"
    return ": options are written --NAME VALUE"


def _unknown_key(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    group = found["group"]
    return _unknown(f"{group}.{found['key']}" if group else found["key"], parser)


def _unknown(key: str, parser: argparse.ArgumentParser) -> str:
    keys = [action.dest for action in parser._actions if action.dest]
    return f"unknown key {key!r}{did_you_mean(key, keys)}".rstrip(".")


def _worded(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    """What the parser of a nested class has said already."""
    return found[0]


def _missing(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    names = [_spelt(key, parser) for key in (found["keys"] or found["key"]).split(", ")]
    return f"required and not given: {', '.join(names)}"


def _wrong_value(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    name, action = _spelt(found["key"], parser), _action(found["key"], parser)
    value = _VALUE.search(found["rest"])
    if nested := _NESTED.match(found["rest"]):
        return f"--{found['key']}.{nested['rest']}"
    if action is None or value is None:
        return f"{name}: {found['rest']}"
    given = next(group for group in value.groups() if group is not None)
    kind = kind_of(action)
    if kind.choices:
        hint = did_you_mean(given, kind.choices)
        return f"{name} is {given!r}{hint} There is {', '.join(kind.choices)}"
    return f"{name} is {given!r}, expected {kind.words or 'something else'}"


def _no_value(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    return f"{found['option'].split('/')[0]} needs a value"


def _superfluous(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    return f"{found['option'].split('/')[0]} takes no value, and {found['value']!r} was given"


def _no_file(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    near = did_you_mean_path(found["path"])
    return f"{_spelt(found['key'], parser)}: there is no file {found['path']}{near}"


def _no_mapping(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    return f"{_config_file(parser)} is no mapping of options to values"


def _no_yaml(found: re.Match[str], parser: argparse.ArgumentParser) -> str:
    return f"{_config_file(parser)} is no YAML: {found['reason']}"


def _config_file(parser: Any) -> str:
    """The last file that the command line names after --config."""
    named = [text for option, text in pairs(getattr(parser, "args", ())) if "config" in option]
    return named[-1] if named else "the configuration"


def _action(key: str, parser: argparse.ArgumentParser) -> argparse.Action | None:
    return next((action for action in parser._actions if action.dest == key), None)


def _spelt(key: str, parser: argparse.ArgumentParser) -> str:
    """How a key is written on the command line."""
    action = _action(key, parser)
    if action is None or not action.option_strings:
        return str(action.metavar or key) if action else key
    return action.option_strings[-1] if len(action.option_strings) == 1 else f"--{key}"


_VALUE = re.compile(
    r"Given value: (.*)$|Got value: (.*?)(?: - |$)|: (\S+) (?:does not conform|not a number)"
    r"|invalid literal for int\(\) with base 10: '(.*?)'(?: - |$)"
    r"|could not convert string to float: '(.*?)'(?: - |$)"
)
_NESTED = re.compile(r"--(?P<rest>\w+ is .*?)(?: \(see [^()]* --help\))*$")
"""What the parser of a chosen class has said of an option of its own."""
_Reword = Callable[[re.Match[str], Any], str]
_KINDS: list[tuple[re.Pattern[str], _Reword]] = [
    (
        re.compile(r"unknown (?:key|option) \S+: (?:did you mean|it belongs to) .*?(?= \(see |$)"),
        _worded,
    ),
    (re.compile(r"[Uu]nrecognized arguments: (?:-- )?(?P<word>\S+)"), _unknown_word),
    (
        re.compile(
            r"(?:Group '(?P<group>[\w.]+)' does not accept option|Subcommand '\w+' does not accept "
            r"option|[Kk]ey|Option) '(?P<key>[\w.]+)'(?! is required)"
        ),
        _unknown_key,
    ),
    (
        re.compile(r"arguments are required: (?P<keys>.*)|Option '(?P<key>[\w.]+)' is required"),
        _missing,
    ),
    (
        re.compile(r"""Parser key "(?P<key>[\w.]+)": File does not exist: '(?P<path>.*)'"""),
        _no_file,
    ),
    (re.compile(r"Unexpected config: |Key must be a string"), _no_mapping),
    (re.compile(r"Problems parsing config: (?P<reason>.*)"), _no_yaml),
    (re.compile(r'Parser key "(?P<key>[\w.]+)"(?: element \d+)?: (?P<rest>.*)'), _wrong_value),
    (re.compile(r"argument (?P<option>\S+): expected (?:at least )?one argument"), _no_value),
    (
        re.compile(r"argument (?P<option>\S+): ignored explicit argument '(?P<value>.*)'"),
        _superfluous,
    ),
]
