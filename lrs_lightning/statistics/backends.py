"""Episodes that were played on different backends of the recurrence are told apart.

Backends compute the same to rounding, and a closed loop amplifies rounding: means agree, single
episodes do not.
"""

from __future__ import annotations

from collections.abc import Iterable

from lrs_lightning.statistics.result_line import Row


def mixed_backends(rows: Iterable[Row]) -> str | None:
    """A sentence where policies, or episodes of one, ran on several backends; None otherwise.

    Rows that do not say what they ran on count for none.
    """
    on: dict[str, dict[str, None]] = {}  # backend -> its policies, in the order of the rows
    for row in rows:
        if row.get("backend"):
            on.setdefault(str(row["backend"]), {})[str(row["policy"])] = None
    if len(on) < 2:
        return None
    told = "; ".join(f"{backend}: {', '.join(policies)}" for backend, policies in on.items())
    return (
        f"episodes were played on different backends of the recurrence ({told}), which agree to "
        "rounding: means can be compared, and single episodes of one seed cannot"
    )
