"""Episodes of a task without a simulator, and processes that do things at the same time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import numpy as np

from lrs_lightning.data import Demonstration, Origin, Task

TASK = Task("Toy-v0", (3,), "float32", action_low=(-1.0, -2.0), action_high=(1.0, 2.0))
DISCRETE = Task("Toy-v1", (3,), "float32", actions=4)
NOBODY = Origin()
FORK = multiprocessing.get_context("fork")


def episode(steps: int = 10, seed: int = 0, origin: Origin = NOBODY, **arrays: Any):
    """An episode of `TASK`; its observations are near `seed`, which tells who wrote it."""
    rng = np.random.default_rng(seed)
    made = {
        "observations": (seed + 0.1 * rng.random((steps, 3))).astype(np.float32),
        "actions": rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        "labels": rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        "rewards": np.ones(steps, np.float32),
    }
    return Demonstration(**(made | arrays), origin=origin)


def writer_of(store) -> int:
    """Whose episodes these are; all of one writer, or the store is a mixture."""
    (who,) = {int(e.observations.min()) for e in store} | {int(e.observations.max()) for e in store}
    return who


def together(*actions: Callable[[], Any], seconds: float = 60) -> list[Any]:
    """Run functions in processes of their own; what each returned, or the error that it raised."""
    queue = FORK.Queue()

    def run(number: int) -> None:
        try:
            queue.put((number, actions[number]()))
        except Exception as error:
            queue.put((number, error))

    children = [FORK.Process(target=run, args=(number,)) for number in range(len(actions))]
    for child in children:
        child.start()
    found = dict(queue.get(timeout=seconds) for _ in children)
    for child in children:
        child.join(seconds)
    return [found[number] for number in range(len(actions))]
