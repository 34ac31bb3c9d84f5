"""The closed loop: policies in environments, shifted or not; episodes as they end."""

from lrs_lightning.rollout.episode import Episode, Trajectory
from lrs_lightning.rollout.playing import rollout
from lrs_lightning.rollout.policy import Policy, RandomPolicy
from lrs_lightning.rollout.progress import Progress
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
