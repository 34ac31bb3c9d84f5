"""Several runs that were analysed, side by side, and their proxies against robustness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lrs_lightning.analysis.figures.associations import associations
from lrs_lightning.analysis.folder import write_folder
from lrs_lightning.analysis.proxies import FEWEST, Measured, associate, read_outcome
from lrs_lightning.analysis.run import compared
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.analysis.table import Row, association_rows
from lrs_lightning.errors import DataError
from lrs_lightning.shifts import CLEAN


@dataclass(frozen=True)
class Looked:
    """What is kept of a policy once its own folder is written, for the comparison of many.

    Args:
        run: as it was given.
        name: in figures and tables.
        scenes: clean ones, by label.
        radius: largest spectral radius of W_rec over gates.
        proxies: see `Analysis.proxies`.
        rows: of its table.
    """

    run: str
    name: str
    scenes: dict[str, Scene]
    radius: float
    proxies: dict[str, dict[str, float]]
    rows: list[Row]


def compare_runs(found: Sequence[Looked], conditions: Sequence[str] | None, out: Path) -> None:
    """Compare runs on common trajectories, and proxies with robustness where there are enough.

    Args:
        found: the runs.
        conditions: the shifted ones that count as robustness; all that were played by default.
        out: folder for figures and table.
    """
    label = next((x for x in found[0].scenes if x == f"common, {CLEAN}"), f"own, {CLEAN}")
    scenes = {one.name: one.scenes[label] for one in found}
    radius = {one.name: one.radius for one in found}
    pictures = [picture for picture in compared(scenes, radius) if picture is not None]
    rows = [row for one in found for row in one.rows]
    try:
        related = associate(measured_of(found, conditions))
        pictures.append(associations(related))
        rows += association_rows(related)
    except DataError as error:
        print(f"proxies and robustness: not correlated, since {error}")
    write_folder(out, pictures, rows, {"runs": [one.name for one in found], "fewest": FEWEST})
    for picture in pictures:
        print(f"{picture.name}: {picture.caption}")
    print(f"comparison, {label}: {out}")


def measured_of(found: Sequence[Looked], conditions: Sequence[str] | None) -> list[Measured]:
    """The runs whose returns are known; of the others it is said what is missing."""
    known = []
    for one in found:
        try:
            known.append(Measured(one.name, read_outcome(one.run, conditions), one.proxies))
        except DataError as error:
            print(f"note: left out of proxies and robustness: {error}")
    return known
