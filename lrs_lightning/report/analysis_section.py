"""The figures that `analyze` left in a run folder, with the sentence under each."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from lrs_lightning.documents import read_json
from lrs_lightning.errors import DataError
from lrs_lightning.report.html import Markup, element, escape, section
from lrs_lightning.report.runs import Comparison

FOLDER, CAPTIONS = "analysis", "figures.json"
_BYTES = 8_000_000  # of one figure; what is larger is not one of ours


class _Entry(msgspec.Struct):
    """A figure and its sentence."""

    name: str
    caption: str = ""


class _Listing(msgspec.Struct):
    """What is needed of `figures.json`."""

    figures: list[_Entry]


def analysis(comparison: Comparison) -> Markup | None:
    """A section for each run that was analysed; None where none was."""
    shown = [part for run in comparison.runs if (part := _of_run(run.folder, run.name))]
    note = "Each sentence says what is seen; docs/analysis.md says how to read the figures."
    return section("Why it holds up", *shown, note=note) if shown else None


def _of_run(folder: Path, name: str) -> Markup | None:
    pictures = []
    for entry in _listed(folder / FOLDER / CAPTIONS):
        file = folder / FOLDER / f"{entry.name}.svg"
        # A link could lead out of the run folder.
        if file.is_file() and not file.is_symlink() and file.stat().st_size <= _BYTES:
            pictures.append(_figure(file.read_bytes(), entry.caption))
    return element("div", element("h3", name), *pictures) if pictures else None


def _listed(path: Path) -> list[_Entry]:
    """The figures of a folder; none where the list is missing or damaged."""
    try:
        entries = read_json(path, _Listing, "analyse the run again").figures
    except DataError:
        return []
    # A name with a path in it would read files from elsewhere.
    return [entry for entry in entries if Path(entry.name).name == entry.name]


def _figure(svg: bytes, caption: str) -> Markup:
    """As an image: an SVG in one can neither run scripts nor load anything."""
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    image = Markup(f'<img src="{source}" alt="{escape(caption)}" loading="lazy">')
    return element("figure", element("div", image, class_="scroll", tabindex="0"))
