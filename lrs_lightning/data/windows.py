"""Windows of demonstrations: contiguous steps, not learned from until the state has settled.

A window that starts inside an episode begins with an empty hidden state, which the policy never has
there in closed loop. The first `burn_in` steps of such a window are therefore seen but not learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.timespans import timespans_of
from lrs_lightning.errors import ArgumentError


class WindowBatch(NamedTuple):
    """Windows side by side: B windows of T steps.

    Args:
        observations: raw observations, `(B, T, *observation)`.
        labels: the expert's actions, `(B, T, A)` or `(B, T)`.
        loss_mask: 1 where the loss counts, 0 in burn-in and padding, `(B, T)`.
        timespans: seconds since the step before, `(B, T)`; None where steps follow each other
            evenly.
    """

    observations: Tensor
    labels: Tensor
    loss_mask: Tensor
    timespans: Tensor | None = None


class WindowIndex:
    """Where windows lie in episodes that are laid end to end, and which of their steps count.

    Args:
        lengths: steps of each episode.
        length: steps of a window T.
        burn_in: steps at the start of a window that are not learned, except at an episode's start.

    Raises:
        ArgumentError: if no step would be learned, or there are no episodes.
    """

    def __init__(self, lengths: Sequence[int], length: int, burn_in: int) -> None:
        if not 0 <= burn_in < length:
            raise ArgumentError(
                f"burn_in is {burn_in} and the window has {length} steps: at least one step must "
                "be left to learn from (0 <= burn_in < length)"
            )
        if not len(lengths):
            raise ArgumentError("there are no episodes to take windows from: collect more")
        self.length, self.burn_in = length, burn_in
        sizes = np.array(lengths)
        self._ends = torch.from_numpy(np.cumsum(sizes))
        self.episode_starts = np.cumsum(sizes) - sizes
        self._is_episode_start = torch.zeros(int(sizes.sum()), dtype=torch.bool)
        self._is_episode_start[torch.from_numpy(self.episode_starts)] = True
        # A window may start wherever it still fits; a short episode has one, padded at its end.
        self.window_starts = np.concatenate(
            [
                s + np.arange(max(1, n - length + 1))
                for s, n in zip(self.episode_starts, sizes, strict=True)
            ]
        )

    def gather(self, window_starts: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Steps `(B, T)` of the windows at `window_starts (B,)`, and where the loss counts.

        Past the end of an episode its last step is repeated.
        """
        first = torch.from_numpy(np.asarray(window_starts))
        end = self._ends[torch.searchsorted(self._ends, first, right=True)]  # (B,)
        offset = torch.arange(self.length)
        steps = first[:, None] + offset  # (B, T)
        inside = steps < end[:, None]
        counts = inside & (self._is_episode_start[first][:, None] | (offset >= self.burn_in))
        return torch.minimum(steps, end[:, None] - 1), counts.float()

    def locate(self, window_start: int, step: int) -> tuple[int, int]:
        """Episode, and step in it, of a step of the window that starts at `window_start`."""
        at = int(self.gather(np.array([window_start]))[0][0, step])
        episode = int(np.searchsorted(self.episode_starts, at, side="right")) - 1
        return episode, at - int(self.episode_starts[episode])

    def tiles(self) -> NDArray[np.int64]:
        """Starts of windows that lie side by side and cover every episode once, for validation."""
        ends = self._ends.numpy()
        return np.concatenate(
            [np.arange(s, e, self.length) for s, e in zip(self.episode_starts, ends, strict=True)]
        )


class Windows(Dataset[WindowBatch]):
    """All windows of some episodes, held in memory; an item is a whole batch, gathered at once.

    Args:
        episodes: the demonstrations.
        length: steps of a window T.
        burn_in: steps at the start of a window that are not learned, except at an episode's start.
        time_unit: usual seconds between two steps, where they are uneven; see `timespans.py`.

    Raises:
        ArgumentError: if no step would be learned, or there are no episodes.
    """

    def __init__(
        self,
        episodes: Sequence[Demonstration],
        length: int,
        burn_in: int,
        time_unit: float | None = None,
    ) -> None:
        self.index = WindowIndex([len(episode) for episode in episodes], length, burn_in)
        self.length = length
        self.window_starts = self.index.window_starts
        self.episode_starts = self.index.episode_starts
        self.observations = torch.from_numpy(np.concatenate([e.observations for e in episodes]))
        self.labels = torch.from_numpy(np.concatenate([e.labels for e in episodes]))
        self.timespans = None if time_unit is None else timespans_of(episodes, time_unit)

    def __len__(self) -> int:
        return len(self.window_starts)

    def __getitem__(self, window_starts: NDArray[np.int64]) -> WindowBatch:
        """Gather the windows that start at the steps `window_starts (B,)`."""
        steps, loss_mask = self.index.gather(window_starts)
        spans = None if self.timespans is None else self.timespans[steps]
        return WindowBatch(self.observations[steps], self.labels[steps], loss_mask, spans)

    def tiles(self) -> NDArray[np.int64]:
        """Starts of windows that lie side by side and cover every episode once, for validation."""
        return self.index.tiles()
