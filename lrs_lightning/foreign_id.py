"""Environment ids that a file brings along: names, and nothing that has a module imported.

A file may say with which arguments and wrappers its environment is built (`env_variant.py`). Of
these it may name plain values alone: no path, no module, no window on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.errors import ArgumentError, DataError

NO_ENV = "none"
"""The task of data of a robot that nobody has a simulator of."""
_LONGEST, _LONGEST_LINE = 256, 2000
_WORD = re.compile(r"[\w .-]*")
"""A text that no environment can take for a path, an address or a module."""


def check_foreign_id(env_id: str, where: str) -> str:
    """An id from a checkpoint, a store, a card or a results file, if it only names a task.

    Gymnasium imports the module before the colon of `module:Name-v0`. On the command line that is
    the user's own wish; out of a file it would be somebody else's.

    Args:
        env_id: the id, with arguments and wrappers if there are any.
        where: what the sentence begins with.

    Raises:
        DataError: it names a module or a path, is empty, or longer than any name.
    """
    try:
        variant = EnvVariant.parse(env_id[:_LONGEST_LINE])
    except ArgumentError as error:
        raise DataError(f"{where}: {error}") from None
    for name in (variant.env_id, *(name for name, _ in variant.wrappers)):
        if ":" in name:
            raise DataError(
                f"{where}: the task {name[:_LONGEST]!r} names a module to import, which no file "
                "may: import it in your own code, and name the task alone"
            )
        if not name or len(name) > _LONGEST or not name.isprintable():
            raise DataError(f"{where}: the task {name[:40]!r} is no name of an environment")
    for options in (variant.kwargs, *(options for _, options in variant.wrappers)):
        _check_values(options, where)
    if len(env_id) > _LONGEST_LINE:
        raise DataError(f"{where}: the task is longer than any, {env_id[:40]!r}")
    return env_id


def _check_values(value: Any, where: str) -> None:
    """No text in a value may lead anywhere."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_values(key, where)
            _check_values(inner, where)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner, where)
    elif isinstance(value, str) and (not _WORD.fullmatch(value) or ".." in value):
        raise DataError(
            f"{where}: an argument of the task is {value[:60]!r}, a path or a module, which no "
            "file may name: give it on the command line with --env-kwargs"
        )
