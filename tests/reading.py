"""What the documents say, as lists of words: names in backticks, and command lines."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "kernels" / "README.md",
        ROOT / "lrs_lightning" / "experts" / "shipped" / "README.md",
    ]
)
SOURCES = ("lrs_lightning", "kernels", "benchmarks", "conf", "tests", "tools")
FOLDERS = (*SOURCES, "docs", "examples", "lock")
"""Of all paths that a document may name."""
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_PROGRAM = re.compile(r"(?:\.venv/bin/)?python -m (lrs_lightning|benchmarks)\b(.*)")


@dataclass(frozen=True)
class Word:
    """Something in backticks, and where it stands."""

    document: Path
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}: {self.text}"


def words() -> list[Word]:
    """Everything in backticks outside of fenced blocks, once for each document."""
    return [word for document in DOCUMENTS for word in words_of(document)]


def words_of(document: Path) -> list[Word]:
    """Those of one document."""
    prose = _FENCED.sub("", document.read_text(encoding="utf-8"))
    return [Word(document, text) for text in dict.fromkeys(_INLINE.findall(prose))]


@dataclass(frozen=True)
class Command:
    """A command line of ours."""

    where: str
    program: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {shlex.join(self.words)}"


def commands() -> list[Command]:
    """All command lines of ours: in fenced blocks, in backticks, in the heads of conf/*.yaml."""
    found = [command for document in DOCUMENTS for command in _commands(document, _lines(document))]
    for config in sorted((ROOT / "conf").glob("*.yaml")):
        found += _commands(config, _INLINE.findall(config.read_text(encoding="utf-8")))
    return list(dict.fromkeys(found))


def _lines(document: Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    blocks = [block for language, block in _FENCED.findall(text) if language == "bash"]
    return [line for block in blocks for line in block.splitlines()] + _INLINE.findall(text)


def _commands(document: Path, lines: list[str]) -> Iterator[Command]:
    for line in lines:
        match = _PROGRAM.search(line)
        if match:
            asked = tuple(shlex.split(match[2], comments=True))
            yield Command(str(document.relative_to(ROOT)), match[1], asked)


@cache
def tracked() -> frozenset[str]:
    """Files and folders of the repository, with `/` after a folder."""
    found = set()
    for top in FOLDERS:
        for path in (ROOT / top).rglob("*"):
            if "__pycache__" not in path.parts:
                found.add(str(path.relative_to(ROOT)) + "/" * path.is_dir())
    return frozenset({*found, *(f"{top}/" for top in FOLDERS), *_on_top()})


def _on_top() -> set[str]:
    return {path.name for path in ROOT.iterdir() if path.is_file()}


@cache
def defined() -> frozenset[str]:
    """Names that our Python defines: functions, classes, arguments, variables, attributes."""
    names: set[str] = set()
    for top in ("lrs_lightning", "kernels", "benchmarks"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names.update(_defined_by(node))
    return frozenset(names)


def _defined_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.arg():
            return [node.arg]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
        case ast.Attribute(ctx=ast.Store()):
            return [node.attr]
    return []


@cache
def vocabulary() -> frozenset[str]:
    """Every word of our sources, comments and texts included, and of the build's files."""
    files = [
        path
        for top in ("lrs_lightning", "kernels", "benchmarks", "conf")
        for path in (ROOT / top).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".yaml")
    ]
    files += [
        ROOT / "tests" / "conftest.py",
        ROOT / "pyproject.toml",
        ROOT / "Makefile",
        ROOT / "constraints.txt",
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return frozenset(re.findall(r"\w+", text))
