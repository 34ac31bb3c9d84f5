"""A `fit` that was cut off anywhere and went on equals one that was not, to the last bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lrs_lightning.training.checkpoint_files import load_checkpoint

SCRIPT = Path(__file__).with_name("fit_process.py")


def run_chains(folder, words, signals, seed):
    """Run a `fit` as a whole, and once for each signal cut at random moments."""
    job = {"folder": str(folder), "words": words, "signals": signals, "seed": seed}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), json.dumps(job)],
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "\n".join(p.read_text() for p in folder.rglob("log.txt"))
    assert done.returncode == 0, f"{done.stderr}\n{logs}"
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["whole"] == 0, logs
    assert "Traceback" not in logs, logs
    return result


def newest(folder: Path, name: str) -> Path:
    return max(folder.rglob(name), key=lambda path: path.stat().st_mtime)


def scalars(folder: Path) -> dict[tuple[str, int], set[float]]:
    """Every figure that was logged: (name, step) -> the values it had in any of the runs.

    Those of a clock are left out.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[tuple[str, int], set[float]] = {}
    for file in folder.rglob("events.out.tfevents*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tensor.float_val and not value.tag.startswith("throughput/"):
                    at = found.setdefault((value.tag, event.step), set())
                    at.add(value.tensor.float_val[0])
    return found


def assert_equal(one, other, where="checkpoint"):
    """Nested containers of tensors and plain values, to the last bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


def assert_same_run(folder: Path, name_of_cut: str) -> None:
    """All that a run leaves: last, best, figures."""
    cut_folder = folder / name_of_cut
    for name in ("last.ckpt", "best.ckpt", "initial.ckpt"):
        whole, _ = load_checkpoint(newest(folder / "whole", name))
        cut, _ = load_checkpoint(newest(cut_folder, name))
        for checkpoint in (whole, cut):
            checkpoint.pop("callbacks", None)  # holds paths
            checkpoint["loops"] = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
        assert_equal(whole, cut, name)
    whole, cut = scalars(folder / "whole"), scalars(cut_folder)
    assert whole and all(len(values) == 1 for values in whole.values())
    assert cut == whole


# Dropout draws random numbers in each update, which a resumed run must go on with.
DROPOUT = ["--model.policy.core.num_layers=2", "--model.policy.core.dropout=0.3"]
CODES = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}


def assert_cut_and_same(folder: Path, result: dict, name: str) -> int:
    """Check the exit codes, what was saved, and the run; returns how often it was cut."""
    *cuts, last = result[name]["codes"]
    assert last == 0 and set(cuts) <= {CODES[name]}, result
    assert_same_run(folder, name)
    if name != "SIGKILL":  # within a batch: the one that was begun is done, and saved
        for saved, begun in result[name]["saved"]:
            assert saved in (begun, begun + 1), result
    return len(cuts)


@pytest.fixture(scope="module")
def cut_runs(tmp_path_factory, fit_words):
    folder = tmp_path_factory.mktemp("cut")
    words = [*fit_words, *DROPOUT]
    return folder, run_chains(folder, words, {"SIGKILL": 1, "SIGTERM": 1}, 1)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_run_that_is_cut_ends_as_if_it_had_not_been(cut_runs, name):
    folder, result = cut_runs
    assert assert_cut_and_same(folder, result, name) >= 1


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "more",
    [
        [],
        [*DROPOUT, "--trainer.val_check_interval=3"],
        ["--model.policy.core=LSTM", "--trainer.accumulate_grad_batches=2"],
        ["--model.policy.core=GRU", "--trainer.val_check_interval=0.5"],
        ["--trainer.check_val_every_n_epoch=2", "--trainer.accumulate_grad_batches=3"],
    ],
    ids=["cfc", "dropout", "lstm-accumulated", "gru-often-validated", "rarely-validated"],
)
def test_runs_that_are_cut_again_and_again(tmp_path, fit_words, more):
    result = run_chains(tmp_path, [*fit_words, *more], {"SIGKILL": 5, "SIGTERM": 3, "SIGINT": 3}, 2)
    for name in CODES:
        cuts = assert_cut_and_same(tmp_path, result, name)
        print(f"{name}: cut {cuts} times")
        assert cuts >= 1
