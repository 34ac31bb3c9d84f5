"""Mean and deviation of what was observed: what a policy normalises with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.moments import near_constant
from lrs_lightning.data.task import Task


def observation_statistics(episodes: Sequence[Demonstration], task: Task) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each observation channel, `(*observation,)` each.

    Pixels are only scaled, by their encoder: 0 and 1. A channel of which only rounding is left
    (`near_constant`) has the deviation 0: whatever divides by deviations then leaves it unscaled.
    """
    if task.pixels:
        return torch.zeros(1), torch.ones(1)
    seen = torch.from_numpy(np.concatenate([e.observations for e in episodes])).double()
    mean, std = seen.mean(0), seen.std(0)
    flat = torch.from_numpy(near_constant(mean.numpy(), std.numpy()))
    return mean.float(), std.masked_fill(flat, 0).float()
