"""Everything that is Lightning: the module, the data module, the callbacks."""

from lrs_lightning.training.datamodule import ExpertTrajectories
from lrs_lightning.training.loading import TrainedPolicy, find_checkpoint, load_policy
from lrs_lightning.training.module import ImitationModule

__all__ = [
    "ExpertTrajectories",
    "ImitationModule",
    "TrainedPolicy",
    "find_checkpoint",
    "load_policy",
]
