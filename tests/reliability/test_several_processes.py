"""`fit` in two processes: one run folder, and a signal that ends them both with all saved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lrs_lightning.locking import LOCK
from lrs_lightning.training.checkpoint_files import load_checkpoint
from tests.reliability.test_resume import scalars

ROOT = Path(__file__).resolve().parents[2]
STEPS = 400


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    (folder / "suite.yaml").write_text("- clean\n")
    more = [f"--trainer.max_steps={STEPS}", "--data.batches=100", "--evaluation.episodes=1"]
    more += ["--trainer.devices=2", "--trainer.strategy=ddp", "--evaluation.suite=suite.yaml"]
    return subprocess.Popen(
        [sys.executable, "-m", "lrs_lightning", *words, *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])},
        start_new_session=True,  # both are in it, and what a terminal sends reaches both
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def wait_for_all(group: int) -> None:
    """The other process may end a moment after the first; that it ends is what matters."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a process is left behind")


@pytest.mark.long  # which update a signal meets hangs on how fast the machine is
@pytest.mark.parametrize(
    ("number", "to_all", "code", "goes_on"),
    [
        pytest.param(signal.SIGTERM, False, 143, False, id="SIGTERM"),
        pytest.param(signal.SIGTERM, False, 143, True, id="resumed"),
        pytest.param(signal.SIGINT, True, 130, True, id="SIGINT"),
    ],
)
def test_a_signal_ends_them_all_and_the_run_goes_on_from_there(
    fit_words, tmp_path, number, to_all, code, goes_on
):
    run = tmp_path / "runs/HalfCheetah-v5/version_0"
    process = start(fit_words, tmp_path)
    wait_for(run / "checkpoints/last.ckpt", process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=600)
    assert process.returncode == code, said
    assert "Traceback" not in said
    wait_for_all(process.pid)
    saved = load_checkpoint(run)[0]["global_step"]
    assert 0 < saved < STEPS
    # PyTorch may have a last word of its own.
    assert f"update {saved} is saved: --ckpt_path=" in said
    assert not (run / LOCK).exists() and not (run / "results.jsonl").exists()
    if not goes_on:  # takes as long again
        return

    process = start([*fit_words, "--ckpt_path=last"], tmp_path)
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said
    assert load_checkpoint(run)[0]["global_step"] == STEPS
    assert [each.name for each in run.parent.iterdir()] == ["version_0"]
    (row,) = (run / "results.jsonl").read_text().splitlines()
    assert json.loads(row)["status"] == "ok"


@pytest.mark.long
def test_two_processes_learn_what_one_learns_from_batches_twice_as_many(fit_words, tmp_path):
    """Each takes every second batch, as one process does that adds up the gradients of two."""
    (tmp_path / "suite.yaml").write_text("- clean\n")
    losses, weights = {}, {}
    for name, own in {
        "two": ["--trainer.devices=2", "--trainer.strategy=ddp", "--data.batches=6"],
        "one": ["--trainer.accumulate_grad_batches=2", "--data.batches=6"],
    }.items():
        folder = tmp_path / name
        words = [
            *(word for word in fit_words if "batches" not in word and "max_steps" not in word),
            *("--trainer.max_steps=9", "--evaluation.episodes=1", "--trainer.precision=64-true"),
            f"--evaluation.suite={tmp_path / 'suite.yaml'}",
            f"--trainer.logger.save_dir={folder}",
            *own,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "lrs_lightning", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        (run,) = (folder / "HalfCheetah-v5").iterdir()  # of two processes the first one writes
        content = load_checkpoint(run)[0]
        assert content["global_step"] == 9
        weights[name], losses[name] = content["state_dict"], scalars(folder)
        assert len((run / "results.jsonl").read_text().splitlines()) == 1
    for key, value in weights["one"].items():
        torch.testing.assert_close(weights["two"][key], value, rtol=0, atol=1e-6)
    held_out = {key: value for key, value in losses["one"].items() if key[0] == "val/loss"}
    assert held_out
    for key, (value,) in held_out.items():
        (found,) = losses["two"][key]
        assert found == pytest.approx(value, rel=1e-6), "a batch was counted twice"
