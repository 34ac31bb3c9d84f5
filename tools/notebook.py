"""`python -m tools.notebook FILE.py`: run a script cell by cell, and write a notebook beside it.

`# %%` begins a cell of code, `# %% [markdown]` one of text. The notebook holds what the cells print
and the figures they show, and the SHA-256 of its source, by which a test knows whether it is in
step. The format is Jupyter's own, nbformat 4.5.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARK = "# %%"
_TEXT = "[markdown]"
KEY = "source_sha256"


@dataclass(frozen=True)
class Cell:
    """A cell as it stands in the script."""

    text: bool
    source: str


def cells_of(script: str) -> list[Cell]:
    """The cells of a script, without empty ones."""
    found = []
    for part in f"\n{script}".split(f"\n{_MARK}")[1:]:
        kind, _, body = part.partition("\n")
        text = kind.strip() == _TEXT
        lines = body.strip("\n").split("\n")
        if text:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        if any(lines):
            found.append(Cell(text, "\n".join(lines)))
    return found


def digest(script: str) -> str:
    """What tells one source from another."""
    return hashlib.sha256(script.encode()).hexdigest()


def notebook(script: str) -> dict[str, Any]:
    """Run the cells, one after the other in one namespace, and put them together."""
    space: dict[str, Any] = {"__name__": "__main__"}
    written, count = [], 0
    for number, cell in enumerate(cells_of(script)):
        made: dict[str, Any] = {
            "id": f"cell-{number}",
            "metadata": {},
            "source": _lines(cell.source),
        }
        if cell.text:
            written.append({"cell_type": "markdown", **made})
            continue
        count += 1
        outputs = _run(cell.source, space)
        written.append({"cell_type": "code", **made, "execution_count": count, "outputs": outputs})
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": python, "language_info": {"name": "python"}, KEY: digest(script)}
    return {"cells": written, "metadata": about, "nbformat": 4, "nbformat_minor": 5}


def _run(source: str, space: dict[str, Any]) -> list[dict[str, Any]]:
    """What a cell prints, and the figures that are open at its end."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<cell>", "exec"), space)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append(
            {"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())}
        )
    for number in plt.get_fignums():
        picture = io.BytesIO()
        # Without the date and version that Matplotlib writes, the same figure is the same file.
        plt.figure(number).savefig(picture, format="png", dpi=80, metadata={"Software": None})
        data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    return outputs


def _lines(text: str) -> list[str]:
    """Lines with their ends, as the format keeps them."""
    return text.splitlines(keepends=True)


def main(words: list[str]) -> int:
    """Write `FILE.ipynb` beside each `FILE.py`."""
    if not words:
        print(__doc__)
        return 2
    for word in words:
        script = Path(word)
        made = notebook(script.read_text(encoding="utf-8"))
        text = json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True)
        script.with_suffix(".ipynb").write_text(f"{text}\n", encoding="utf-8")
        print(script.with_suffix(".ipynb"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
