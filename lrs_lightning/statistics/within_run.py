"""Means of the episodes of one run, all conditions at once.

They hold of this policy on more episodes, not of its method trained again: `between_seeds.py`.

Letters: C conditions, E episodes.
"""

from __future__ import annotations

import numpy as np

from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.returns import Flags, Places
from lrs_lightning.statistics.student import Estimate


def mean_of_clusters(values: Array, have: Flags, labels: Places, clusters: Places) -> Estimate:
    """The mean of values of which those of one label are one outcome: drawn together.

    With a label for each it is the mean with its plain standard error; otherwise the error is that
    of clusters, `sqrt(K / (K - 1) sum_k (sum of residuals of k)^2) / n`.

    Args:
        values: `(C, E)`.
        have: which of them count, `(C, E)`.
        labels: at least 0 and below E, `(C, E)`.
        clusters: how many labels differ, K `(C,)`; of one nothing tells the spread.

    Returns:
        Estimates `(C,)`.
    """
    count = have.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(have, values, 0.0).sum(-1) / count
    off = np.where(have, values - mean[:, None], 0.0)
    places = labels + np.arange(len(labels))[:, None] * labels.shape[-1]
    sums = np.bincount(places.ravel(), off.ravel(), minlength=labels.size).reshape(labels.shape)
    freedom = np.where(clusters > 1, clusters - 1.0, np.nan)
    squared = (sums * sums).sum(-1) * clusters / freedom
    return Estimate(mean, np.sqrt(squared) / np.maximum(count, 1), freedom)


def mean_of_conditions(each: Estimate, chosen: Flags) -> Estimate:
    """The mean over chosen conditions, which count alike; of estimates `(C,)` one `()`."""
    variances, freedoms = each.error[chosen] ** 2, each.freedom[chosen]
    total = variances.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / (variances**2 / freedoms).sum() if total > 0 else freedoms.sum()
    error = np.sqrt(total) / max(int(chosen.sum()), 1)
    return Estimate(np.asarray(each.value[chosen].mean()), np.asarray(error), np.asarray(freedom))
