"""Everything that is Lightning: the module, the data module, the callbacks.

Names are imported when they are first asked for: to load a policy needs no Lightning, whose import
takes three seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "ExpertTrajectories": "datamodule",
    "ImitationModule": "module",
    "TrainedPolicy": "loading",
    "find_checkpoint": "checkpoint_files",
    "load_policy": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
