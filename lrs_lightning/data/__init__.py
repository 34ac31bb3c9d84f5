"""Demonstrations: stored, collected, and cut into windows."""

from lrs_lightning.data.store import Demonstration, DemonstrationStore, write_store
from lrs_lightning.data.task import Task
from lrs_lightning.data.windows import FixedBatches, RandomBatches, WindowBatch, Windows

__all__ = [
    "Demonstration",
    "DemonstrationStore",
    "FixedBatches",
    "RandomBatches",
    "Task",
    "WindowBatch",
    "Windows",
    "write_store",
]
