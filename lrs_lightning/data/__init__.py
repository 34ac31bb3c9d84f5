"""Demonstrations: stored, collected, and cut into windows."""

from lrs_lightning.data.frame_windows import FrameWindows
from lrs_lightning.data.frames import PackedFrames, StoredFrames
from lrs_lightning.data.store import Demonstration, DemonstrationStore, write_store
from lrs_lightning.data.task import Task
from lrs_lightning.data.windows import (
    FixedBatches,
    RandomBatches,
    WindowBatch,
    WindowIndex,
    Windows,
    favour,
)

__all__ = [
    "Demonstration",
    "DemonstrationStore",
    "FixedBatches",
    "FrameWindows",
    "PackedFrames",
    "RandomBatches",
    "StoredFrames",
    "Task",
    "WindowBatch",
    "WindowIndex",
    "Windows",
    "favour",
    "write_store",
]
