"""`fit` in a process of its own that is killed or signalled, again and again, until it is done.

A script, since a test's process has threads and must not fork; it imports everything once, down to
what the verb imports when it is called, and each `fit` is a fork of it. Reads a job from the
command line, prints what happened as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import tensorboard.summary.writer.event_file_writer  # noqa: F401
import torch.utils.tensorboard  # noqa: F401

import lrs_lightning.training.trainer_cli  # noqa: F401
from lrs_lightning.cli import main
from lrs_lightning.training import ImitationModule
from lrs_lightning.training.callbacks.checkpoints import Checkpoints
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.checkpoint_files import load_checkpoint


def fork(words: list[str], folder: Path, number: int | None = None, after: float = 0.0):
    """One `fit`: its exit code (negative after a kill), and how long it trained, in seconds."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _run(words, folder, theirs)
    os.close(theirs)
    os.read(ours, 1)  # the first update is about to be made, or the process is over
    begun = time.monotonic()
    if number is not None:
        time.sleep(after)
        os.kill(child, number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(ours)
    return code, time.monotonic() - begun


def _run(words: list[str], folder: Path, ready: int) -> None:
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    steps = os.open(folder / "steps.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begin = Checkpoints._begin

    def tell(self, trainer):
        begin(self, trainer)
        os.write(ready, b"x")

    def note(self, *_):
        os.write(steps, b"%d\n" % self.trainer.global_step)

    Checkpoints._begin = tell
    ImitationModule.on_train_batch_start = note
    ShiftedEvaluation._report = lambda *_: None  # the closed loop has its own tests, and takes long
    code = 1
    try:
        code = main([*words, f"--trainer.logger.save_dir={folder}"])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def chain(words: list[str], folder: Path, number: int, times: int, seed: int, span: float):
    """Signal a `fit` at random moments and go on with it, until it has ended by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, codes, saved = random.Random(seed), [], []
    while True:
        resumed = ["--ckpt_path=last"] if any(folder.rglob("last.ckpt")) else []
        cut = len(codes) < times
        after = draw.uniform(0, span / (2 * times))
        code, _ = fork([*words, *resumed], folder, number if cut else None, after)
        codes.append(code)
        lasts = sorted(folder.rglob("last.ckpt"), key=lambda path: path.stat().st_mtime)
        if lasts:
            step = load_checkpoint(lasts[-1])[0]["global_step"]
            saved.append([step, int((folder / "steps.txt").read_text().split()[-1])])
        if code == 0 or len(codes) > times:
            return {"codes": codes, "saved": saved}


if __name__ == "__main__":
    # A shell starts what runs in its background with SIGINT switched off, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = json.loads(sys.argv[1])
    whole = Path(job["folder"]) / "whole"
    whole.mkdir(parents=True)
    code, span = fork(job["words"], whole)
    done = {"whole": code, "span": span}
    for name, times in job["signals"].items():
        folder, number = Path(job["folder"]) / name, getattr(signal, name)
        done[name] = chain(job["words"], folder, number, times, job["seed"], span)
    print(json.dumps(done))
