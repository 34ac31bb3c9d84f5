"""Two policies, episode by episode: what holds of these very runs, and of no others.

The same seed starts the same episode for every policy and condition, and the difference of a pair
takes the luck of the start out. Whether the methods behind the policies differ is another question,
which more training seeds answer (`method_comparison.py`). All comparisons are made at once.

Letters: P policies, C conditions, E episodes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from lrs_lightning.statistics.bootstrap import RESAMPLES, draws, percentile_interval
from lrs_lightning.statistics.chances import FEW, better_interval
from lrs_lightning.statistics.estimates import Array, ranks, retention
from lrs_lightning.statistics.multiplicity import holm
from lrs_lightning.statistics.returns import CLEAN, Flags, Places, Returns, different_labels
from lrs_lightning.statistics.student import Estimate
from lrs_lightning.statistics.within_run import mean_of_clusters, mean_of_conditions

OVERALL = "all shifts"
_AT_ONCE = 4_000_000  # pairs of episodes that are compared at once


@dataclass(frozen=True)
class Difference:
    """Policy `a` minus policy `b` in one condition.

    Args:
        a: name of the first policy.
        b: name of the second policy.
        condition: text of the condition, or `"all shifts"`, whose conditions count alike.
        episodes: pairs of episodes.
        outcomes: how many of them differ, on the side where fewer do.
        difference: mean of the paired differences, in units of return.
        ci95: its t interval over the pairs that differ; NaN where one does.
        p: p value of no difference.
        p_holm: the same, corrected for all comparisons that were made at once.
        improvement: chance that an episode of `a` beats one of `b`; NaN below five outcomes.
        improvement_ci95: its interval (Newcombe 2006).
    """

    a: str
    b: str
    condition: str
    episodes: int
    outcomes: int
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    improvement: float
    improvement_ci95: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes null."""
        return {k: plain(v) for k, v in asdict(self).items()}


class _Compared(NamedTuple):
    """Two policies in some conditions, and over all shifts where there are several; each `(K,)`."""

    names: list[str]
    episodes: Places
    outcomes: Places
    differences: Estimate
    chances: Array
    sizes: Array
    """What each side has for the interval of its chance, `(2, K)`."""


def compare(returns: Returns) -> list[Difference]:
    """Every pair of policies in every condition, and over all shifted ones."""
    pairs = list(combinations(range(len(returns.policies)), 2))
    compared = [_compare(returns, a, b) for a, b in pairs]
    if not compared:
        return []
    joined = Estimate(*(
        np.concatenate([getattr(c.differences, part) for c in compared])
        for part in ("value", "error", "freedom")
    ))  # fmt: skip
    low, high = joined.interval()
    p = joined.p_value()
    corrected = holm(p)
    chances = np.concatenate([c.chances for c in compared])
    ends = better_interval(chances, *np.concatenate([c.sizes for c in compared], axis=1))
    places = [
        (pair, c, k) for pair, c in zip(pairs, compared, strict=True) for k in range(len(c.names))
    ]
    return [
        Difference(
            returns.policies[a], returns.policies[b], c.names[k],
            int(c.episodes[k]), int(c.outcomes[k]), float(joined.value[i]),
            (float(low[i]), float(high[i])), float(p[i]), float(corrected[i]),
            float(chances[i]), (float(ends[0, i]), float(ends[1, i])),
        )
        for i, ((a, b), c, k) in enumerate(places)
    ]  # fmt: skip


def paired_retention(
    shifted: Array, clean: Array, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """`mean(shifted) / mean(clean)` over the seeds `(E,)` that both have, and its 95 % interval."""
    both = np.isfinite(shifted) & np.isfinite(clean)
    x, y = shifted[both], clean[both]
    if not x.size or y.mean() <= 0:
        return np.nan, (np.nan, np.nan)
    w = draws((x.size,), RESAMPLES, seed)
    ratios = retention(w @ x, w @ y)
    if np.isnan(ratios).any():  # the clean return may as well be zero: no share has bounds
        return float(x.mean() / y.mean()), (np.nan, np.nan)
    low, high = percentile_interval(ratios, [x.size])
    return float(x.mean() / y.mean()), (float(low), float(high))


def mean_ranks(returns: Returns) -> Array:
    """Rank of each policy in each condition by mean return, 1 is the best: `(P, C)`.

    NaN where a policy has no episode of a condition.
    """
    have = np.isfinite(returns.values)
    totals = np.where(have, returns.values, 0.0).sum(-1)
    means = np.divide(totals, have.sum(-1), out=np.full(totals.shape, np.nan), where=have.any(-1))
    return np.where(np.isnan(means), np.nan, ranks(means))


def plain(value: Any) -> Any:
    """NumPy and tuples to what JSON holds; NaN and infinity become None."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _compare(returns: Returns, a: int, b: int) -> _Compared:
    """Policies at places a and b in the conditions that both have played."""
    x, y = returns.values[a], returns.values[b]  # (C, E)
    both = np.isfinite(x) & np.isfinite(y)
    played = both.any(-1)
    x, y, both = x[played], y[played], both[played]
    names = [c.name for c, kept in zip(returns.conditions, played, strict=True) if kept]
    different = [different_labels(returns.outcomes[p][played], both) for p in (a, b)]  # twice (C,)
    # Where fewer differ the pairs are drawn together: the others vary only within them.
    fewer = different[0] <= different[1]
    labels = np.where(fewer[:, None], returns.outcomes[a][played], returns.outcomes[b][played])
    outcomes = np.minimum(*different)
    chances = np.where(outcomes < FEW, np.nan, _chances(x, y, both))
    found = _Compared(
        names,
        both.sum(-1),
        outcomes,
        mean_of_clusters(x - y, both, labels, outcomes),
        chances,
        np.array(different, np.float64),
    )
    shifted = np.array([name != CLEAN for name in names], bool)
    return _with_overall(found, shifted) if shifted.sum() > 1 else found


def _chances(x: Array, y: Array, both: Flags) -> Array:
    """Chance in each condition that one of `x` beats one of `y`, a tie one half: `(C,)`."""
    size = x.shape[-1]
    step = max(1, _AT_ONCE // (size * size))
    found = [np.zeros(0)]
    for k in range(0, len(x), step):
        ours, theirs, have = x[k : k + step, :, None], y[k : k + step, None, :], both[k : k + step]
        pairs = have[:, :, None] & have[:, None, :]
        wins = (((ours > theirs) + 0.5 * (ours == theirs)) * pairs).sum((1, 2))
        found.append(wins / pairs.sum((1, 2)))
    return np.concatenate(found)


def _with_overall(found: _Compared, shifted: Flags) -> _Compared:
    """The same with the mean over the shifted conditions, which count alike, as the last entry."""
    each = found.differences
    overall = mean_of_conditions(each, shifted)
    parts = [
        (getattr(each, name), getattr(overall, name)) for name in ("value", "error", "freedom")
    ]
    return _Compared(
        [*found.names, OVERALL],
        np.append(found.episodes, found.episodes[shifted].sum()),
        np.append(found.outcomes, found.outcomes[shifted].sum()),
        Estimate(*(np.append(one, all_) for one, all_ in parts)),
        np.append(found.chances, found.chances[shifted].mean()),
        # As many values as would tell the mean of so many independent chances as well.
        np.append(
            found.sizes, shifted.sum() ** 2 / (1 / found.sizes[:, shifted]).sum(1)[:, None], axis=1
        ),
    )
