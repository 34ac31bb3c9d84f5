"""Demonstrations: collected or imported, stored, and cut into windows."""

from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.findings import DataWarning, Finding
from lrs_lightning.data.frame_windows import FrameWindows
from lrs_lightning.data.frames import PackedFrames, StoredFrames
from lrs_lightning.data.own_data import write_episodes
from lrs_lightning.data.sampling import FixedBatches, RandomBatches, SharedOut, oversample
from lrs_lightning.data.split import split_episodes, split_numbers
from lrs_lightning.data.statistics import observation_statistics
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import Task
from lrs_lightning.data.windows import WindowBatch, WindowIndex, Windows
from lrs_lightning.data.writing import append_episodes, write_store

__all__ = [
    "DataWarning",
    "Demonstration",
    "DemonstrationStore",
    "Ending",
    "Finding",
    "FixedBatches",
    "FrameWindows",
    "Origin",
    "PackedFrames",
    "RandomBatches",
    "SharedOut",
    "StoredFrames",
    "Task",
    "WindowBatch",
    "WindowIndex",
    "Windows",
    "append_episodes",
    "observation_statistics",
    "oversample",
    "split_episodes",
    "split_numbers",
    "write_episodes",
    "write_store",
]
