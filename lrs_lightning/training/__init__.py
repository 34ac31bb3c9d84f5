"""Everything that is Lightning: the module, the data module, the callbacks.

Names are imported when they are first asked for: to load a policy needs no Lightning, whose import
takes three seconds.
"""

from typing import TYPE_CHECKING

from lrs_lightning.on_demand import on_demand

if TYPE_CHECKING:
    from lrs_lightning.training.checkpoint_files import find_checkpoint
    from lrs_lightning.training.datamodule import ExpertTrajectories
    from lrs_lightning.training.loading import TrainedPolicy, load_policy
    from lrs_lightning.training.module import ImitationModule

__all__ = [
    "ExpertTrajectories",
    "ImitationModule",
    "TrainedPolicy",
    "find_checkpoint",
    "load_policy",
]

__getattr__ = on_demand(
    __name__,
    {
        "ExpertTrajectories": "datamodule",
        "ImitationModule": "module",
        "TrainedPolicy": "loading",
        "find_checkpoint": "checkpoint_files",
        "load_policy": "loading",
    },
)
