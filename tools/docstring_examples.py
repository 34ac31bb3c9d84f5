"""Has the site show `Example:` of a docstring as what it is: Python, and not a note in prose."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_HEAD = re.compile(r"^Example:$", re.MULTILINE)


class DocstringExamples(Extension):
    """Writes the heading as the parser of Google's style knows it."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Look at each docstring once, before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = _HEAD.sub("Examples:", obj.docstring.value)
