"""Mean and deviation of what was observed: what a policy normalises with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.task import Task


def observation_statistics(episodes: Sequence[Demonstration], task: Task) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each observation channel, `(*observation,)` each.

    Pixels are only scaled, by their encoder: 0 and 1.
    """
    if task.pixels:
        return torch.zeros(1), torch.ones(1)
    seen = torch.from_numpy(np.concatenate([e.observations for e in episodes])).double()
    return seen.mean(0).float(), seen.std(0).float()
