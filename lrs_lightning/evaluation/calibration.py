"""How strong a shift must be: the strengths at which a policy keeps given shares of its return.

For each shift and each share a strength is searched for between the two that keep more and less, by
a straight line: all are played side by side, on the same seeds, a round at a time. What was played
is in the folder, so that a search that was ended goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning import envs
from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.suites import Suite
from lrs_lightning.rollout import Policy, Progress
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import CLEAN, Condition, ShiftContext, shift_types, without_effect
from lrs_lightning.shifts.strength import OPTION, StrengthRange
from lrs_lightning.statistics.condition_summary import ConditionSummary

SHARES = (0.9, 0.7, 0.5, 0.3, 0.1)
"""What is to be kept at severities 1 to 5."""
CALIBRATION_SEED = 20_000
"""Others than an evaluation's, or its own episodes would have chosen what they are judged by."""
NEAR = 0.1
"""How far from the share that is sought a strength may keep: half of what lies between two."""
_ROUNDS = 6
_EXACT = 0.02


@dataclass(frozen=True)
class Point:
    """What a policy kept at one strength.

    Args:
        place: on the scale of severities; see `StrengthRange.at`.
        strength: of the shift.
        kept: share of its clean return.
        ci95: of that share, in pairs of seeds.
    """

    place: float
    strength: float
    kept: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Level:
    """What was found for one share.

    Args:
        share: that was sought.
        point: the nearest that was played; None where nothing came near.
        between: strengths of the two neighbours that were played on either side of the share.
        reason: why there is none.
    """

    share: float
    point: Point | None
    between: tuple[float, float] | None = None
    reason: str = ""


@dataclass
class Search:
    """Strengths of one shift that were played, and which to play next.

    Args:
        shift: its name.
        strengths: its own, `(K,)`.
        scale: where they begin and end.
        points: by strength.
    """

    shift: str
    strengths: tuple[float, ...]
    scale: StrengthRange
    points: dict[float, Point] = field(default_factory=dict)

    def first(self) -> list[float]:
        """Places to begin with: the shift's own strengths, and the last that means anything."""
        return [float(k) for k in range(1, len(self.strengths) + 2)]

    def condition(self, place: float) -> str:
        """What is played at a place."""
        return f"{self.shift}[{OPTION}={self.scale.at(place, self.strengths):g}]@1"

    def next(self, share: float) -> float | None:
        """The place to play next for a share; None where nothing is left to be found."""
        pair = self._around(share)
        if pair is None or min(abs(p.kept - share) for p in pair) <= _EXACT:
            return None
        below, above = pair
        # By a straight line, but never so near to an end that the pair hardly shrinks.
        part = (below.kept - share) / (below.kept - above.kept)
        place = below.place + min(max(part, 0.2), 0.8) * (above.place - below.place)
        strength = self.scale.at(place, self.strengths)
        return None if strength in self.points or strength == self._nothing() else place

    def level(self, share: float) -> Level:
        """What was found for a share."""
        pair = self._around(share)
        if pair is None:
            least = min(self.points.values(), key=lambda p: p.kept)
            reason = f"at least {least.kept:.2f} is kept, which {least.strength:g} does"
            return Level(share, None, None, reason)
        near = min(pair, key=lambda p: abs(p.kept - share))
        between = (pair[0].strength, pair[1].strength)
        if near.strength == self._nothing() or abs(near.kept - share) > NEAR:
            told = " and ".join(f"{p.strength:g} keeps {p.kept:.2f}" for p in pair)
            return Level(share, None, between, f"{told}, and nothing between them was found")
        return Level(share, near, between)

    def _nothing(self) -> float:
        return self.scale.at(0, self.strengths)

    def _around(self, share: float) -> tuple[Point, Point] | None:
        """The weakest pair of neighbours of which the first keeps more than the share."""
        clean = Point(0.0, self._nothing(), 1.0, (1.0, 1.0))
        ordered = sorted([clean, *self.points.values()], key=lambda p: p.place)
        return next(
            (pair for pair in pairwise(ordered) if pair[0].kept >= share >= pair[1].kept), None
        )


def searches(env_id: str, names: Iterable[str] | None = None) -> list[Search]:
    """A search for each shift.

    Args:
        env_id: the task.
        names: of shifts; by default all of suite `full` that change something in the task.

    Raises:
        UnknownNameError: no such shift.
        ArgumentError: the strengths of a shift are no scale, or it changes nothing here.
    """
    info = envs.describe(env_id)
    conditions, left_out = Suite.load("full").playable(info)
    usual = dict.fromkeys(c.shift for c in conditions if c.shift != CLEAN)
    found = []
    for name in usual if names is None else dict.fromkeys(names):
        kind = shift_types().get(name)
        if kind is None:
            raise UnknownNameError("shift", name, shift_types())
        told = next((why for text, why in left_out.items() if text.startswith(f"{name}@")), None)
        if name not in usual and told is not None:
            raise ArgumentError(f"shift {name!r} cannot be calibrated: {told}")
        if kind.strength_range is None:
            raise ArgumentError(f"shift {name!r} cannot be calibrated: its severities are no scale")
        if name not in usual:
            Suite.load([Condition(name, 1)]).playable(info)  # one that the task cannot have
        found.append(Search(name, tuple(map(float, kind.strengths)), kind.strength_range))
    return found


def calibrate(
    name: str,
    policy: Policy,
    env_id: str,
    shifts: Sequence[Search],
    episodes: int = 10,
    seed: int = CALIBRATION_SEED,
    *,
    out: str | Path | None = None,
    context: ShiftContext | None = None,
    shares: Sequence[float] = SHARES,
    rounds: int = _ROUNDS,
    threads: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_round: Callable[[int, int], None] | None = None,
) -> dict[str, list[Level]]:
    """Search for the strengths at which a policy keeps each share of its clean return.

    Args:
        name: of the policy.
        policy: whoever is to keep them.
        env_id: the task.
        shifts: what is searched; see `searches`. They hold every strength that was played.
        episodes: of each strength, on the same seeds.
        seed: of the first.
        out: folder that keeps what was played.
        context: the unit of sensor noise; see `evaluate`.
        shares: sought, falling.
        rounds: of strengths in between, after one over the shifts' own strengths.
        threads: of the environments.
        on_progress: see `evaluate`.
        on_round: called before each round with its number and that of its conditions.

    Returns:
        Shift -> a `Level` for each share.

    Raises:
        ArgumentError: the clean return is not positive, so that a share of it means nothing.
        LrsError: see `evaluate`.
    """
    info = envs.describe(env_id)
    unit = np.ones(info.observation_space.shape or ())  # any: only whether a shift acts counts
    known = completed(ShiftContext(observation_mean=unit, observation_std=unit), info)
    places = {search.shift: search.first() for search in shifts}
    for number in range(rounds + 1):
        played = {s.condition(p): (s, p) for s in shifts for p in places[s.shift]}
        for text in [text for text in played if without_effect(text, known) is not None]:
            search, place = played.pop(text)
            strength = search.scale.at(place, search.strengths)
            search.points[strength] = Point(place, strength, 1.0, (1.0, 1.0))
        if not played:
            break
        if on_round is not None:
            on_round(number, len(played))
        summary = evaluate(
            {name: policy}, env_id, [CLEAN, *played], episodes, seed,
            references={}, out=out, context=context, threads=threads, on_progress=on_progress,
        )  # fmt: skip
        clean, *shifted = summary.conditions
        _check_clean(clean)
        for condition in shifted:
            search, place = played[condition["condition"]]
            point = _point(condition, clean, search, place)
            search.points[point.strength] = point
        places = {s.shift: _next(s, shares) for s in shifts}
    return {search.shift: [search.level(share) for share in shares] for search in shifts}


def _next(search: Search, shares: Sequence[float]) -> list[float]:
    found = (search.next(share) for share in shares)
    by_strength = {search.scale.at(p, search.strengths): p for p in found if p is not None}
    return list(by_strength.values())


def _check_clean(clean: ConditionSummary) -> None:
    mean = clean["return_mean"]
    if mean is None or mean <= 0:
        raise ArgumentError(
            f"the clean return of the policy is {mean if mean is None else f'{mean:.4g}'}, and a "
            "share of what is not positive means nothing: calibrate another policy or task"
        )


def _point(
    condition: ConditionSummary, clean: ConditionSummary, search: Search, place: float
) -> Point:
    values: Mapping[str, Any] = condition
    kept = values["retention"]
    low, high = values["retention_ci95"]
    if kept is None:  # every episode failed, or the clean ones are within the noise of chance
        mean = condition["return_mean"]
        kept = 0.0 if mean is None else mean / float(clean["return_mean"] or 1.0)
        low = high = None
    ends = (kept if low is None else low, kept if high is None else high)
    return Point(place, search.scale.at(place, search.strengths), kept, ends)
