"""Whether an evaluation went as it should."""

from __future__ import annotations

from collections.abc import Sequence

from lrs_lightning.statistics.results import Row
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
    reason = failed[0].get("error", "") if failed else "see results.jsonl"
    return (
        f"{total} episodes failed and are left out ({first}{reason}); run again to play "
        "them once more"
    )
