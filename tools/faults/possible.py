"""All faults that a file can be given, and a draw of them.

What is a fault is mutmut's choice, by its table of operators: a number one larger, `<` for `<=`, an
argument left out or None, a value never assigned, and the like. mutmut's own runner is not used: it
changes functions only, none that is decorated, and cannot draw a sample.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tools.faults.silent import is_silent


@dataclass(frozen=True)
class Fault:
    """One small change of one file.

    Args:
        file: from the root of the tree.
        lines: first and last line of the statement it is in.
        key: twelve hex digits that stay the same until the changed code itself is edited.
        source: hash of the file, by which a judgement is known to be of this very code.
        at_import: whether it is run when the file is imported, and not when a function is called.
    """

    file: str
    lines: tuple[int, int]
    key: str
    source: str
    at_import: bool
    _module: cst.Module = field(repr=False, compare=False)
    _node: cst.CSTNode = field(repr=False, compare=False)
    _changed: cst.CSTNode = field(repr=False, compare=False)

    @cached_property
    def code(self) -> str:
        """The file with the fault in it."""
        changed = self._module.deep_replace(self._node, self._changed)
        assert isinstance(changed, cst.Module)
        return changed.code

    @cached_property
    def diff(self) -> str:
        """The lines it takes away and those it puts in their place."""
        before, after = (text.splitlines() for text in (self._module.code, self.code))
        lines = difflib.unified_diff(before, after, lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))

    @cached_property
    def is_change(self) -> bool:
        """Whether Python takes the changed file, and as another program than before."""
        try:
            return ast.dump(ast.parse(self.code)) != ast.dump(ast.parse(self._module.code))
        except SyntaxError:
            return False


def possible(path: Path, root: Path) -> list[Fault]:
    """Every fault of a file, in the order of its code."""
    text = path.read_text()
    name = path.relative_to(root).as_posix()
    wrapper = MetadataWrapper(cst.parse_module(text))
    found = _Changes()
    wrapper.visit(found)
    source, seen = _hash(text), Counter[str]()
    faults = []
    for operator, node, changed, lines, at_import in found.changes:
        code = (wrapper.module.code_for_node(part) for part in (node, changed))
        change = "\0".join((name, operator, *code))
        key = _hash(
            f"{change}\0{seen[change]}"
        )  # the same change may be possible in several places
        seen[change] += 1
        faults.append(Fault(name, lines, key, source, at_import, wrapper.module, node, changed))
    return faults


def draw(faults: Iterable[Fault], number: int, seed: int) -> list[Fault]:
    """`number` of the faults, each as likely as any other.

    They are the first in an order that hangs on the seed and on each fault alone: of the same code
    a larger draw holds a smaller one, and an edit changes the draw only where it is.
    """
    drawn: list[Fault] = []
    texts: set[tuple[str, str]] = set()
    for fault in sorted(faults, key=lambda fault: _hash(f"{seed}\0{fault.key}")):
        if len(drawn) == number:
            break
        text = (fault.file, fault.diff)
        if text not in texts and fault.is_change:
            drawn.append(fault)
            texts.add(text)
    return drawn


class _Changes(cst.CSTVisitor):
    """Walks a file and applies every operator to every node that is not silent."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, cst.CSTNode, cst.CSTNode, tuple[int, int], bool]] = []
        self._statements: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if is_silent(node):
            return False
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            self._statements.append(node)
        for operator, changed in _changed(node):
            where = self._lines(node), self._at_import()
            self.changes.append((operator, node, changed, *where))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._statements and self._statements[-1] is original_node:
            self._statements.pop()

    def _lines(self, node: cst.CSTNode) -> tuple[int, int]:
        """Of a simple statement all lines, of a compound one those down to `node`."""
        statement = self._statements[-1] if self._statements else node
        last = statement if isinstance(statement, cst.SimpleStatementLine) else node
        start, end = (self.get_metadata(PositionProvider, part, None) for part in (statement, last))
        first = start.start.line if start else 1
        return first, end.end.line if end else first

    def _at_import(self) -> bool:
        """Outside of functions, or in the head of one: a default, a decorator."""
        *around, innermost = self._statements or [None]
        in_head = isinstance(innermost, cst.FunctionDef)
        return in_head or not any(isinstance(part, cst.FunctionDef) for part in around)


def _changed(node: cst.CSTNode) -> Iterator[tuple[str, cst.CSTNode]]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            for changed in operator(node):
                yield operator.__name__, changed


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
