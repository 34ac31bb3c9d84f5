"""The folder `RUN/analysis`: figures as PNG and SVG, their captions, the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.table import Row, write_table
from lrs_lightning.documents import write_json
from lrs_lightning.files import whole_file

NAME = "analysis"
CAPTIONS = "figures.json"
_DPI = 144


def write_folder(
    folder: str | Path,
    pictures: Sequence[Picture],
    rows: Iterable[Row] = (),
    about: dict[str, Any] | None = None,
) -> Path:
    """Write figures, captions and table; each file whole or not at all.

    Args:
        folder: where they go.
        pictures: the figures, in the order in which they are to be read.
        rows: of the table; none is written without any.
        about: what else `figures.json` shall say, e.g. versions and seeds.

    Raises:
        DataError: a file cannot be written.
    """
    folder = Path(folder)
    for one in pictures:
        with (
            matplotlib.rc_context({"svg.hashsalt": one.name}),
            whole_file(folder / f"{one.name}.png") as png,
            whole_file(folder / f"{one.name}.svg") as svg,
        ):
            one.figure.savefig(png, dpi=_DPI)
            one.figure.set_layout_engine("none")  # it stands now; arranging it again takes longest
            one.figure.savefig(svg, metadata={"Date": None})
    rows = list(rows)
    if rows:
        write_table(folder, rows)
    listed = [{"name": one.name, "caption": one.caption} for one in pictures]
    content = {"schema": 1, "figures": listed, **(about or {})}
    write_json(folder / CAPTIONS, content)
    return folder
