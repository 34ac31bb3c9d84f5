"""What a calibration found as a suite, for `evaluate --suite` and `fit`, with how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lrs_lightning import envs
from lrs_lightning.evaluation.calibration import Level
from lrs_lightning.shifts import CLEAN
from lrs_lightning.shifts.strength import OPTION, write_strengths


def suite_text(
    name: str, env_id: str, found: Mapping[str, Sequence[Level]], origin: Sequence[str]
) -> str:
    """The YAML file of a suite: a condition for each share that a shift can be set to.

    Args:
        name: of the suite.
        env_id: the task.
        found: shift -> its levels, severity 1 first.
        origin: lines that say where it is from.
    """
    domain = envs.describe(env_id).domain
    lines = [f"# {line}" for line in origin]
    lines += [f"name: {name}", f"{domain}:", f"  - {CLEAN}"]
    for shift, levels in found.items():
        lines += [f"  # {shift}: {line}" for line in map(level_text, levels)]
        strengths = write_strengths(
            [None if level.point is None else level.point.strength for level in levels]
        )
        lines += [
            f"  - {shift}[{OPTION}={strengths}]@{severity}"
            for severity, level in enumerate(levels, start=1)
            if level.point is not None
        ]
    return "\n".join(lines) + "\n"


def level_text(level: Level) -> str:
    """A line about a level: what was sought, the strength, what it keeps, and how sure that is."""
    sought = f"{level.share:.0%}"
    if level.point is None:
        return f"{sought}: none; {level.reason}"
    low, high = level.point.ci95
    told = f"{sought}: {level.point.strength:g} keeps {level.point.kept:.2f}"
    told += f" (95 % {low:.2f} to {high:.2f})"
    if level.between is not None:
        told += f", between {level.between[0]:g} and {level.between[1]:g}"
    return told
