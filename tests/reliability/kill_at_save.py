"""A process that is killed in the middle of a save, at each of its steps; a script, since it forks.

Arguments: folder, number of kills. Prints as JSON how many were made at which step, and what could
be loaded after each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import torch

from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.training.checkpoint_files import LAST, PREVIOUS, load_checkpoint


class Killer:
    """Kills this process before, in or after the n-th call of what a save consists of."""

    def __init__(self, point: int) -> None:
        self.left, self.steps = point, 0

    def wrap(self, function, half=None):
        def wrapped(*args, **kwargs):
            self.tick()
            if half is not None:
                half(*args, **kwargs)
                self.tick()
            done = function(*args, **kwargs)
            self.tick()
            return done

        return wrapped

    def tick(self) -> None:
        self.steps += 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def save(folder: Path, value: int, killer: Killer | None = None) -> None:
    if killer is not None:
        write = Path.write_bytes
        Path.write_bytes = killer.wrap(
            write, lambda path, data: write(path, data[: len(data) // 2])
        )
        os.fsync, os.replace = killer.wrap(os.fsync), killer.wrap(os.replace)
    state = {"global_step": value, "weights": torch.full((200_000,), float(value))}
    write_checkpoint(state, folder / LAST, folder / PREVIOUS)


def points(folder: Path) -> int:
    """How many places there are to be killed at."""
    before = Path.write_bytes, os.fsync, os.replace
    save(folder, 0)
    killer = Killer(-1)
    save(folder, 0, killer)
    Path.write_bytes, os.fsync, os.replace = before
    return killer.steps


def main(folder: Path, kills: int) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    number, value, found = points(folder), 0, Counter()
    for kill in range(kills):
        child = os.fork()
        if child == 0:
            save(folder, value + 1, Killer(kill % number))
            os._exit(1)  # it was not killed
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            found[f"exit code {code}"] += 1
            continue
        state, file = load_checkpoint(folder / LAST)
        step = state["global_step"]
        whole = bool((state["weights"] == step).all()) and file.name == LAST
        found["loaded" if whole and step in (value, value + 1) else "lost"] += 1
        found["new" if step == value + 1 else "old"] += 1
        value = step
    # A save must not need the folder of temporary files, which may be on another disk.
    return {"points": number, "found": found, "temporary": os.listdir(os.environ["TMPDIR"])}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
