"""Small stores to spoil, whose SHA-256 are made right again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from lrs_lightning.data import DemonstrationStore, Task, write_store
from lrs_lightning.data.store import file_sha256
from lrs_lightning.documents import write_json
from tests.data.toys import DISCRETE, TASK, episode

PIXELS = Task("Pixels-v0", (4, 8, 8), "uint8", actions=3)


def sealed(folder: Path) -> Path:
    """Put the right SHA-256 of what the files are now into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for part in manifest["parts"]:
        part["sha256"] = file_sha256(folder / part["file"])
    write_json(folder / "manifest.json", manifest)
    return folder


def discrete(**arrays):
    made = {"actions": np.zeros(10, np.int64), "labels": np.zeros(10, np.int64)}
    return episode(**(made | arrays))


def pixels():
    frames = np.random.default_rng(0).integers(0, 255, (10, 1, 8, 8), np.uint8)
    return discrete(observations=frames)


MAKERS = {"box": (TASK, episode), "discrete": (DISCRETE, discrete), "pixels": (PIXELS, pixels)}


def store_of(folder: Path, kind: str = "box") -> Path:
    task, make = MAKERS[kind]
    first = make()
    seen = np.asarray(first.observations)
    second = replace(first, observations=seen + seen.dtype.type(1))  # of a copy nothing is held out
    write_store(folder, task, [first, second], {})
    return folder


def read_all(folder: Path) -> None:
    """What `fit` does: every episode, and every frame."""
    for one in DemonstrationStore(folder):
        np.asarray(one.observations)
