"""Names of a package whose modules are imported when somebody first asks for one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_demand(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package, for names that take seconds to import (PEP 562).

    Args:
        package: its `__name__`.
        modules: name -> the module of the package that has it. Type checkers want the imports
            beside it, under `TYPE_CHECKING`.
    """

    def attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return attribute
