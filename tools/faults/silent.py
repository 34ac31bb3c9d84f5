"""The parts of a file that no behaviour hangs on; a fault there is no fault.

Docstrings, type annotations and aliases, `if TYPE_CHECKING`, `__all__`, texts of errors, warnings
and log lines. Texts may be reworded freely; that an error is raised at all is behaviour, and the
conditions that lead there are not skipped.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
import libcst.matchers as m


def _name(rule: Callable[[str], bool]) -> m.Name:
    return m.Name(m.MatchIfTrue(rule))


def _is_of_a_type(name: str) -> bool:
    """Mixed case that begins large; a single large letter may be a size."""
    return name.lstrip("_")[:1].isupper() and not name.isupper()


# `Row = dict[str, Any]`, `Expert = MLPExpert | PixelExpert`, `T = TypeVar("T")`
_UNION = m.Subscript() | m.BinaryOperation(operator=m.BitOr())
_ALIAS = m.Assign(targets=[m.AssignTarget(_name(_is_of_a_type))], value=_UNION) | m.Assign(
    value=m.Call(func=m.Name("TypeVar"))
)
_TYPING = (
    _ALIAS
    | m.Annotation()
    | m.TypeAlias()
    | m.TypeParameters()
    | m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))
    | m.If(test=m.Name("TYPE_CHECKING") | m.Attribute(attr=m.Name("TYPE_CHECKING")))
)
_EXPORTS = m.Assign(targets=[m.AssignTarget(m.Name("__all__"))])
_DOCSTRING = m.Expr(m.SimpleString() | m.ConcatenatedString())

_LOGGER = _name(lambda name: name.lstrip("_") in ("log", "logger", "logging", "warnings"))
_ERROR = _name(lambda name: name.endswith(("Error", "Warning")))
_TEXT = (
    m.Raise()
    | m.Call(func=m.Attribute(value=_LOGGER))
    | m.Call(func=_ERROR | m.Attribute(attr=_ERROR))
)
_SILENT = _TYPING | _EXPORTS | _DOCSTRING | _TEXT


def is_silent(node: cst.CSTNode) -> bool:
    """Whether neither `node` nor anything in it bears on behaviour."""
    return m.matches(node, _SILENT)
