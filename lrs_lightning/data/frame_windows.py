"""Windows of pixel demonstrations: frames stay compressed until they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.frames import seen_from
from lrs_lightning.data.timespans import timespans_of
from lrs_lightning.data.windows import WindowBatch, WindowIndex


class FrameWindows(Dataset[WindowBatch]):
    """All windows of some episodes of pixels; an item is a whole batch.

    A hundred thousand frames need a few megabytes of memory, or none if they are on disk.

    Args:
        episodes: the demonstrations, each frame once, or each observation as it was seen.
        length: steps of a window T.
        burn_in: steps at the start of a window that are not learned, except at an episode's start.
        stack: frames, or channels, of an observation S.
        time_unit: usual seconds between two steps, where they are uneven; see `timespans.py`.

    Raises:
        ArgumentError: if no step would be learned, or there are no episodes.
    """

    def __init__(
        self,
        episodes: Sequence[Demonstration],
        length: int,
        burn_in: int,
        stack: int = 4,
        time_unit: float | None = None,
    ) -> None:
        self.index = WindowIndex([len(episode) for episode in episodes], length, burn_in)
        self.length, self.stack = length, stack
        self.window_starts = self.index.window_starts
        self.episode_starts = self.index.episode_starts
        self._episodes = list(episodes)
        self.labels = torch.from_numpy(np.concatenate([e.labels for e in episodes]))
        self.timespans = None if time_unit is None else timespans_of(episodes, time_unit)

    def __len__(self) -> int:
        return len(self.window_starts)

    def __getitem__(self, window_starts: NDArray[np.int64]) -> WindowBatch:
        """Gather the windows that start at the steps `window_starts (B,)`."""
        first = np.asarray(window_starts)
        steps, loss_mask = self.index.gather(first)
        which = np.searchsorted(self.episode_starts, first, side="right") - 1
        inside = first - self.episode_starts[which]
        shape = self._episodes[0].observations.shape[2:]
        frames = np.empty((len(first), self.length, self.stack, *shape), np.uint8)
        for row, (number, step) in enumerate(zip(which.tolist(), inside.tolist(), strict=True)):
            episode = self._episodes[number]
            frames[row] = seen_from(
                episode.observations, episode.before, step, self.length, self.stack
            )
        spans = None if self.timespans is None else self.timespans[steps]
        return WindowBatch(torch.from_numpy(frames), self.labels[steps], loss_mask, spans)

    def tiles(self) -> NDArray[np.int64]:
        """Starts of windows that lie side by side and cover every episode once, for validation."""
        return self.index.tiles()
