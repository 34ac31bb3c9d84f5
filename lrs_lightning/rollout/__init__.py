"""The closed loop: policies in environments, shifted or not; episodes as they end.

What plays is imported when it is first asked for: results are read without PyTorch, whose import
takes two seconds.
"""

from typing import TYPE_CHECKING

from lrs_lightning.on_demand import on_demand
from lrs_lightning.rollout.episode import Episode, Trajectory
from lrs_lightning.rollout.policy import Policy, RandomPolicy
from lrs_lightning.rollout.progress import Progress

if TYPE_CHECKING:
    from lrs_lightning.rollout.playing import rollout
    from lrs_lightning.rollout.torch_policy import TorchPolicy

__all__ = [
    "Episode",
    "Policy",
    "Progress",
    "RandomPolicy",
    "TorchPolicy",
    "Trajectory",
    "rollout",
]

__getattr__ = on_demand(__name__, {"TorchPolicy": "torch_policy", "rollout": "playing"})
