"""What somebody has looked at and found good: a text is compared with it line by line.

After a change that was meant, `APPROVE=1 python -m pytest` with the folder of the tests writes the
texts anew, and their diff is what a reviewer reads.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


def compare(file: Path, text: str) -> None:
    """Compare a text with the approved one in a file."""
    if os.environ.get("APPROVE"):
        file.write_text(text, encoding="utf-8")
    approved = file.read_text(encoding="utf-8")
    changes = difflib.unified_diff(approved.splitlines(), text.splitlines(), "approved", "now", n=1)
    assert text == approved, "\n".join(["not as approved:", *changes])


def surface(package: ModuleType) -> Iterator[str]:
    """A line for whatever can be called from outside: its arguments and their defaults."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        short = found.name.removeprefix(f"{package.__name__}.")
        for name, item in vars(module).items():
            if getattr(item, "__module__", None) == found.name and not name.startswith("_"):
                yield from _lines(f"{short}.{name}", item)


def _lines(name: str, item: Any) -> Iterator[str]:
    if callable(item):
        yield f"{name}{_arguments(item)}{' frozen' * _is_frozen(item)}"
    if isinstance(item, type):
        for key, member in vars(item).items():
            plain = inspect.unwrap(getattr(member, "__func__", member))
            if not key.startswith("_") and inspect.isfunction(plain):
                yield f"{name}.{key}{_arguments(plain)}"
            elif not key.startswith("_") and isinstance(member, bool | int | float | str):
                yield f"{name}.{key} = {member!r}"


def _is_frozen(item: Any) -> bool:
    return is_dataclass(item) and item.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _arguments(item: Any) -> str:
    try:
        known = inspect.signature(item)
    except ValueError:  # of types that are made in C
        return "(...)"
    bare = [p.replace(annotation=p.empty) for p in known.parameters.values()]
    shown = str(known.replace(parameters=bare, return_annotation=known.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", shown)
