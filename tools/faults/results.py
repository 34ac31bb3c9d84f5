"""Judgements, kept as they come, and what they say of a room."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import NormalDist
from typing import Any

import yaml

from tools.faults.possible import Fault

_FOUND, _MISSED = "yes", "no"


@dataclass(frozen=True)
class Judgement:
    """A fault, and whether a test finds it: a row of `faults.csv`.

    Args:
        room: where it is.
        file: from the root of the tree.
        line: of the statement that it changes.
        fault: its key.
        source: hash of the file without it.
        change: the lines taken away and put in.
        found: "yes" or "no".
        by: the test that failed first; "time" or "crash" where the run had no end or a bad one.
        seconds: how long it took.
    """

    room: str
    file: str
    line: int
    fault: str
    source: str
    change: str
    found: str
    by: str
    seconds: float

    @classmethod
    def of(cls, room: str, fault: Fault, by: str, seconds: float) -> Judgement:
        """What was found out about a fault; `by` is empty where no test failed."""
        found = _FOUND if by else _MISSED
        line, change = fault.lines[0], fault.diff
        return cls(room, fault.file, line, fault.key, fault.source, change, found, by, seconds)

    @property
    def is_found(self) -> bool:
        """Whether a test failed."""
        return self.found == _FOUND


class Judgements:
    """`faults.csv` in a folder, written anew with every judgement, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "faults.csv"
        self._rows = self._read()

    def add(self, judgement: Judgement) -> None:
        """Keep one more; it takes the place of an earlier one of the same fault."""
        self._rows[judgement.fault, judgement.source] = judgement
        unfinished = self.path.with_suffix(".tmp")
        with unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(Judgement)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(asdict, self._rows.values()))
        unfinished.replace(self.path)

    def of(self, fault: Fault) -> Judgement | None:
        """What is known of a fault in this very file."""
        return self._rows.get((fault.key, fault.source))

    def _read(self) -> dict[tuple[str, str], Judgement]:
        if not self.path.exists():
            return {}
        with self.path.open(newline="") as file:
            judged = list(map(_judgement, csv.DictReader(file)))
        return {(j.fault, j.source): j for j in judged}


@dataclass(frozen=True)
class Score:
    """What the judgements say of a room.

    Args:
        room: its name.
        possible: faults that its code could be given.
        judged: faults drawn and judged.
        found: those that a test found, without the equivalent ones.
        equivalent: drawn faults that change nothing that can be observed.
        seconds: what judging took in all, as one process after another.
    """

    room: str
    possible: int
    judged: int
    found: int
    equivalent: int
    seconds: float

    @classmethod
    def of(
        cls, room: str, possible: int, judged: Sequence[Judgement], equivalent: Iterable[str]
    ) -> Score:
        """Count; a fault that a test finds is not equivalent, whatever the list says."""
        equal = [j for j in judged if not j.is_found and j.fault in set(equivalent)]
        found = sum(j.is_found for j in judged)
        return cls(room, possible, len(judged), found, len(equal), sum(j.seconds for j in judged))

    @property
    def counted(self) -> int:
        """The faults that a test could find."""
        return self.judged - self.equivalent

    @property
    def share(self) -> float:
        """Of those, how many were found; NaN where there are none."""
        return self.found / self.counted if self.counted else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share."""
        return wilson(self.found, self.counted)


def wilson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share: the shares that a test of the normal kind allows.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 1927. Without trials it is all of 0 to 1.
    """
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, scale = hits / trials, 1 + z**2 / trials
    centre = (p + z**2 / (2 * trials)) / scale
    half = z * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def equivalents(path: Path) -> Mapping[str, str]:
    """The faults listed as equivalent, key -> reason.

    Raises:
        ValueError: an entry lacks its key or its reason.
    """
    entries = (yaml.safe_load(path.read_text()) if path.exists() else None) or []
    found = {}
    for entry in entries:
        if not all(isinstance(entry.get(key), str) and entry[key] for key in ("fault", "reason")):
            raise ValueError(f"{path}: an entry needs a `fault` and a `reason`, got {entry}")
        found[entry["fault"]] = entry["reason"]
    return found


def _judgement(row: dict[str, Any]) -> Judgement:
    return Judgement(**row | {"line": int(row["line"]), "seconds": float(row["seconds"])})
