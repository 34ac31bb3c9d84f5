"""All importers by name: those in this folder, and those of installed packages."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

from lrs_lightning.data.importers.base import Importer
from lrs_lightning.errors import ArgumentError, UnknownNameError

ENTRY_POINTS = "lrs_lightning.importers"
AUTO = "auto"

_BY_NAME: dict[str, type[Importer]] = {}
_Class = TypeVar("_Class", bound=type[Importer])


def register(importer: _Class) -> _Class:
    """Add a format (as a class decorator).

    Raises:
        ArgumentError: it lacks `name` or `description`, or the name is taken.
    """
    for attribute in ("name", "description"):
        if not getattr(importer, attribute, None):
            raise ArgumentError(
                f"importer {importer.__name__} has no {attribute}: set it on the class"
            )
    known = _BY_NAME.get(importer.name, importer)
    if importer.name == AUTO or known.__qualname__ != importer.__qualname__:
        raise ArgumentError(f"importer {importer.name!r} exists already: choose another name")
    _BY_NAME[importer.name] = importer
    return importer


def importers() -> dict[str, type[Importer]]:
    """Name -> class of every format there is."""
    _load()
    return dict(sorted(_BY_NAME.items()))


def choose(name: str, source: Path) -> type[Importer]:
    """The importer of this name; `"auto"` is the one that recognises the source.

    Raises:
        UnknownNameError: no importer has this name.
        ArgumentError: there is no such source, or not exactly one importer recognises it.
    """
    known = importers()
    if name != AUTO and name not in known:
        raise UnknownNameError("format", name, [*known, AUTO])
    kinds = known.values() if name == AUTO else [known[name]]
    if not any(kind.locate(source).exists() for kind in kinds):
        raise ArgumentError(f"no file or folder at {source}: give the demonstrations to import")
    if name != AUTO:
        return known[name]
    found = [kind for kind in known.values() if kind.recognises(kind.locate(source))]
    if len(found) != 1:
        who = " and ".join(importer.name for importer in found) or "no format"
        raise ArgumentError(
            f"{who} would read {source}: name the format with --format, one of {', '.join(known)}"
        )
    return found[0]


@cache
def _load() -> None:
    """Import the files of this folder, which register themselves, and the plug-ins."""
    package = import_module("lrs_lightning.data.importers")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    for point in entry_points(group=ENTRY_POINTS):
        register(point.load())
