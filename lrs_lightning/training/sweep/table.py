"""What came out of a sweep: a line for each member and condition, and one for each cell.

`members.csv`: name, the keys of the cell, its seeds, condition, return, of_expert, steps_up.
`cells.csv`: the keys of the cell, condition, seeds, how many more have stopped, and of each
quantity the mean over training seeds with its 95 % interval. `worst` stands for the worst shift of
each member.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.files import whole_file, write_whole
from lrs_lightning.statistics.between_seeds import mean_over_seeds
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import condition_name, read_results
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training.sweep.plan import Point

WORST = "worst shift"
QUANTITIES = ("return", "of_expert", "steps_up")
"""Mean return; its share of the expert's (0: random policy); steps until a fall or the end."""


def member_lines(points: Iterable[tuple[Point, Path]]) -> list[dict[str, Any]]:
    """A line for each member and condition; members without results are left out.

    Args:
        points: and the run folder of each.
    """
    lines: list[dict[str, Any]] = []
    for point, folder in points:
        if has_stopped(folder):
            continue
        conditions = Summary.read(folder).conditions
        up = _steps_up(read_results(folder))
        head = {"name": point.name, **_plain(point.cell), **_plain(point.seeds)}
        own = [
            {
                **head,
                "condition": c["condition"],
                "return": c["return_mean"],
                "of_expert": c["expert_normalized"],
                "steps_up": up.get(c["condition"]),
            }
            for c in conditions
        ]
        shifted = [x for x in own if x["condition"] != CLEAN and x["return"] is not None]
        if shifted:
            own.append({**min(shifted, key=lambda x: x["return"]), "condition": WORST})
        lines += own
    return lines


def has_stopped(folder: Path) -> bool:
    """Whether a member of a finished run has no results, since its numbers were not finite."""
    return not (folder / "summary.json").is_file()


def cell_lines(
    lines: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    stopped: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """A line for each cell and condition: means over training seeds with 95 % intervals.

    Args:
        lines: of members.
        keys: of a cell.
        stopped: the cell of each member without results.
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault((*(line.get(key) for key in keys), line["condition"]), []).append(line)
    lost = Counter(tuple(_plain(cell).get(key) for key in keys) for cell in stopped)
    for values in lost.keys() - {values[:-1] for values in groups}:
        groups[*values, CLEAN] = []  # nobody is left
    found = []
    for values, own in groups.items():
        cell: dict[str, Any] = dict(zip((*keys, "condition"), values, strict=True))
        cell |= {"seeds": len(own), "stopped": lost[values[:-1]]}
        for quantity in QUANTITIES:
            known = [x[quantity] for x in own if x[quantity] is not None]
            mean, low, high = _over_seeds(known)
            cell |= {quantity: mean, f"{quantity}_low": low, f"{quantity}_high": high}
        found.append(cell)
    return found


def _over_seeds(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean and the ends of its 95 % interval; of one seed there is none."""
    if not values:
        return None, None, None
    estimate = mean_over_seeds(np.array(values, float)[:, None], np.array(values, float))
    low, high = (float(end) for end in estimate.interval())
    known = len(values) > 1
    return float(np.mean(values)), low if known else None, high if known else None


def _steps_up(rows: Sequence[Row]) -> dict[str, float]:
    """Condition -> mean number of steps until the fall, or until the episode's end."""
    steps: dict[str, list[float]] = {}
    for row in rows:
        if row["status"] == "ok":
            fell = row.get("fell_at")
            steps.setdefault(condition_name(row), []).append(
                row["length"] if fell is None else fell
            )
    return {name: float(np.mean(values)) for name, values in steps.items()}


def write_lines(stem: Path, lines: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write lines as CSV, and as Parquet where pyarrow is installed; whole or not at all.

    Raises:
        DataError: a file cannot be written.
    """
    columns = list(dict.fromkeys(key for line in lines for key in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    written = [write_whole(stem.with_suffix(".csv"), text.getvalue())]
    if find_spec("pyarrow") is not None:
        import pyarrow
        from pyarrow import parquet

        path = stem.with_suffix(".parquet")
        rows = [{name: line.get(name) for name in columns} for line in lines]
        with whole_file(path) as unfinished:
            parquet.write_table(pyarrow.Table.from_pylist(rows), unfinished)
        written.append(path)
    return written


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell of a table can hold."""
    plain = (str, int, float, type(None))
    return {k: v if isinstance(v, plain) else json.dumps(v) for k, v in values.items()}
