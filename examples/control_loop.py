"""The robot's side: a control loop that needs NumPy and the two exported files, and no PyTorch.

    python examples/control_loop.py robot

`robot` is the folder that `export_for_robot.py` wrote; copy it to the robot as it is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a small product is no work for two threads

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def drive(
    act: Callable[..., Array], read: Callable[[], Array], move: Callable[[Array], None], steps: int
) -> float:
    """Read the sensors, decide, move, `steps` times; the slowest decision in seconds."""
    slowest = 0.0
    for step in range(steps):
        seen = read()
        if not np.isfinite(seen).all():
            raise ValueError(f"step {step}: a sensor is not finite: {seen}")
        begin = time.perf_counter()
        action = act(seen, reset=step == 0)  # it remembers by itself; a new episode begins empty
        slowest = max(slowest, time.perf_counter() - begin)
        move(action)
    return slowest


def main(folder: str, steps: int = 1000) -> float:
    """Drive with sensors that are drawn; put your own in the place of `read` and `move`."""
    sys.path.insert(0, folder)
    from lrs_policy import Policy  # the module beside the weights

    policy = Policy(os.path.join(folder, "policy.npz"))
    width = policy.about["task"]["observation_shape"]
    draw, moved = np.random.default_rng(0), []
    slowest = drive(policy, lambda: draw.normal(size=width).astype(np.float32), moved.append, steps)
    print(f"{len(moved)} actions {moved[-1].shape}, slowest decision {1e6 * slowest:.0f} µs")
    return slowest


if __name__ == "__main__":
    main(sys.argv[1])
