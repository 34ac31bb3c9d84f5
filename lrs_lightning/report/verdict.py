"""Whether an evaluation went as it should, and what its numbers cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary


def verdict(summary: Summary, failed: Sequence[Row] = ()) -> str | None:
    """The sentence about episodes that failed.

    Args:
        summary: of the first policy, with the others.
        failed: the rows of those that failed just now; the first is named.

    Returns:
        None where none failed.
    """
    total = sum(one.failed for one in summary.all)
    if not total:
        return None
    first = f"the first, {failed[0]['condition']} with seed {failed[0]['seed']}: " if failed else ""
    reason = (failed[0].get("error") if failed else None) or "see results.jsonl"
    told = "1 episode failed and is" if total == 1 else f"{total} episodes failed and are"
    them = "it" if total == 1 else "them"
    return f"{told} left out ({first}{reason}); run again to play {them} once more"


BROKEN = 0.5
"""Share of the expert's return below which clean play counts as broken."""


def broken_by_freezing(summary: Summary) -> str | None:
    """A sentence where a gate that is held at its mean has broken clean play; else None."""
    clean = next((c for c in summary.conditions if c["condition"] == CLEAN), None)
    share = None if clean is None else clean["expert_normalized"]
    if summary.policy.get("gate") != "frozen" or share is None or share >= BROKEN:
        return None
    return (
        f"frozen F breaks clean play ({share:.2f} of the expert's return): returns under shift do "
        "not tell whether F adapts; evaluate the learned gate with --clean_gates F"
    )
