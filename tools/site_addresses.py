"""Which page of the site a path of the repository is, and links to it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

ELSEWHERE = {
    "kernels/README.md": "package_kernels.md",
    "ARCHITECTURE.md": "package_architecture.md",
    "CONTRIBUTING.md": "package_contributing.md",
    "CHANGELOG.md": "package_changelog.md",
    "SECURITY.md": "package_security.md",
}
"""Pages that stand beside docs/ -> their names on the site."""
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"(?<!\[)`([\w./]+\.md|docs/layers/)`(?!\])")


def with_links(markdown: str, here: str, title: Callable[[str], str | None]) -> str:
    """The text with links where it names another page in backticks; code stays as it is.

    Args:
        markdown: of a page.
        here: that page.
        title: of a page of the site; None where it has no such page.
    """
    folder = posixpath.dirname(here) or "."

    def linked(match: re.Match[str]) -> str:
        target = address(match[1])
        words = None if target is None or target == here else title(target)
        if target is None or words is None:
            return match[0]
        return f"[{words}]({posixpath.relpath(target, folder)})"

    parts = _FENCED.split(markdown)  # the odd ones are code
    return "".join(text if i % 2 else _NAMED.sub(linked, text) for i, text in enumerate(parts))


def address(name: str) -> str | None:
    """The page of the site that a path of the repository is; None where it is none."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if not name.startswith("docs/"):
        return None
    inside = name.removeprefix("docs/")
    return f"{inside}README.md" if inside.endswith("/") else inside


def heading(markdown: str) -> str:
    """The title of a page, as far as its first colon: what follows there explains it.

    Raises:
        ValueError: it has none.
    """
    found = re.search(r"^# (.+?)(?::.*)?$", markdown, re.MULTILINE)
    if found is None:
        raise ValueError(f"a page begins without a title: {markdown[:40]!r}")
    return found[1].replace("`", "")
