"""What a store holds, in numbers and pictures: `python -m lrs_lightning data S`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings import Finding, Survey
from lrs_lightning.data.moments import Moments
from lrs_lightning.data.store import DemonstrationStore

BINS = 24
_SAMPLE = 4096  # values of a channel that a histogram is drawn from
_LEVELS = " ▁▂▃▄▅▆▇█"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """One observation or action over all steps.

    Args:
        name: e.g. `"observation 3"`.
        mean: over all steps.
        deviation: over all steps.
        low: smallest value.
        high: largest value.
        sample: some of the values, evenly along the store.
    """

    name: str
    mean: float
    deviation: float
    low: float
    high: float
    sample: Values


@dataclass(frozen=True)
class Profile:
    """What a store holds.

    Args:
        store: which.
        channels: of vectors; of pictures the actions alone.
        findings: what looks wrong.
    """

    store: DemonstrationStore
    channels: list[Channel]
    findings: list[Finding]


def profile(store: DemonstrationStore) -> Profile:
    """Read every episode once, and check it.

    Raises:
        DataError: an episode is damaged, or no episode of its task.
    """
    survey, collected = Survey(store.task), _Collected()
    every = max(1, store.manifest["steps"] // _SAMPLE)
    for episode in store:
        survey.add(episode)
        for kind, values in _vectors(store, episode):
            collected.add(kind, values, every)
    return Profile(store, collected.channels(), survey.findings())


def _vectors(store: DemonstrationStore, episode: Demonstration) -> Iterator[tuple[str, Values]]:
    if not store.task.pixels:
        yield "observation", as_columns(episode.observations)
    yield "action", as_columns(episode.actions)
    if not np.array_equal(episode.actions, episode.labels):
        yield "label", as_columns(episode.labels)


def as_columns(values: Any) -> Values:
    """Numbers of an episode as `(L, channels)`."""
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), -1)


class _Collected:
    """Moments, ends and a sample of all channels, as episodes come."""

    def __init__(self) -> None:
        self._moments: dict[str, Moments] = {}
        self._ends: dict[str, tuple[Values, Values]] = {}
        self._samples: dict[str, list[Values]] = {}

    def add(self, kind: str, values: Values, every: int) -> None:
        """Take in steps `(L, channels)`."""
        low, high = values.min(0), values.max(0)
        if kind in self._ends:
            low, high = np.minimum(low, self._ends[kind][0]), np.maximum(high, self._ends[kind][1])
        self._ends[kind] = low, high
        self._moments.setdefault(kind, Moments(values.shape[1:])).add(values)
        self._samples.setdefault(kind, []).append(values[::every])

    def channels(self) -> list[Channel]:
        """One for each column."""
        found = []
        for kind, moments in self._moments.items():
            sample, (low, high) = np.concatenate(self._samples[kind]), self._ends[kind]
            found += [
                Channel(
                    f"{kind} {i}",
                    float(moments.mean[i]),
                    float(moments.deviation[i]),
                    float(low[i]),
                    float(high[i]),
                    sample[:, i],
                )
                for i in range(sample.shape[1])
            ]
        return found


def page_of(found: Profile) -> str:
    """The page for the terminal: task, returns, every channel with its histogram, findings."""
    store = found.store
    manifest, returns = store.manifest, np.array(store.manifest["returns"])
    lengths = np.array(manifest["lengths"])
    lines = [
        f"{store.folder}: {len(store)} episodes, {manifest['steps']:,} steps of {store.task.env}",
        f"lengths {lengths.min()} to {lengths.max()}, median {np.median(lengths):g}  "
        f"{sparkline(lengths)}",
        f"returns {returns.min():.6g} to {returns.max():.6g}, mean {returns.mean():.6g}  "
        f"{sparkline(returns)}",
        f"ended: {_endings(store)}",
        f"made by: {manifest.get('expert', 'nobody says')}",
        f"{'channel':<16}{'mean':>12}{'deviation':>12}{'low':>12}{'high':>12}  histogram",
    ]
    lines += [
        f"{c.name:<16}{c.mean:>12.4g}{c.deviation:>12.4g}{c.low:>12.4g}{c.high:>12.4g}  "
        f"{sparkline(c.sample)}"
        for c in found.channels
    ]
    lines += [f"warning: {finding}" for finding in found.findings] or ["nothing looks wrong"]
    return "\n".join(lines)


def sparkline(values: NDArray[Any]) -> str:
    """A histogram in one line of text, from the smallest value to the largest."""
    counts, _ = np.histogram(np.asarray(values, np.float64), bins=BINS)
    top = max(int(counts.max()), 1)
    return "".join(_LEVELS[-(-int(count) * (len(_LEVELS) - 1) // top)] for count in counts)


def _endings(store: DemonstrationStore) -> str:
    told = {
        name: sum(getattr(ending, name) is True for ending in store.endings)
        for name in ("terminated", "truncated", "success")
    }
    unknown = sum(e.terminated is None and e.truncated is None for e in store.endings)
    parts = [f"{count} {name}" for name, count in told.items() if count]
    return ", ".join([*parts, *([f"{unknown} nobody says"] if unknown else [])]) or "none said how"
