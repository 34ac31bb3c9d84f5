"""Many comparisons at once: of twenty true nulls one is "significant" by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lrs_lightning.statistics.estimates import Array


def holm(p_values: ArrayLike) -> Array:
    """Correct p values `(N,)` for being N: at most 5 % of families have any false one below .05.

    Holds whatever the dependence between them (Holm, Scandinavian Journal of Statistics 1979). NaN,
    where nothing could be tested, stays and does not count.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")  # NaN last
    tested = int(np.isfinite(p).sum())
    left = np.arange(tested, 0, -1)  # nulls that are not yet rejected, the smallest p first
    corrected = np.full(p.shape, np.nan)
    corrected[order[:tested]] = np.minimum(np.maximum.accumulate(left * p[order[:tested]]), 1.0)
    return corrected
