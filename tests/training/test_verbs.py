"""What the verbs of training say on the way, and what they leave and refuse."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from lrs_lightning.cli import main
from lrs_lightning.report.progress import evaluation_progress
from lrs_lightning.rollout import Progress
from lrs_lightning.training.callbacks import progress
from lrs_lightning.training.callbacks.progress import Bar, Lines, RunProgress

pytestmark = pytest.mark.usefixtures("short_episodes", "undrawn")
ROOT = Path(__file__).resolve().parents[2]
SHORT = [
    *("--trainer.max_steps=4", "--trainer.accelerator=cpu", "--data.batches=2", "--data.window=8"),
    *("--data.burn_in=2", "--evaluation.episodes=1", "--evaluation.suite=smoke"),
    *("--evaluation.every_n_epochs=0",),
]


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    """A `fit` without a terminal: its folder, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("verbs"), io.StringIO()
    words = ["fit", f"--data.path={tiny_store}", f"--trainer.logger.save_dir={folder}", *SHORT]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
        patch.setattr(Lines, "interval", 0.0)
        patch.setattr(sys, "stdout", printed)
        assert main(words) == 0
    return folder / "HalfCheetah-v5" / "version_0", printed.getvalue()


def test_without_a_terminal_every_stage_has_its_line(run):
    folder, printed = run
    stages = [
        "recurrence: cfc on ",
        "training: update 0 of 4",
        "training: update 4 of 4",
        "evaluating: 3 conditions",
    ]
    places = [printed.index(text) for text in [*stages, f"run folder: {folder}"]]
    assert places == sorted(places)
    assert re.search(r"training: update [1-3] of 4, \d+/s", printed)


def test_quiet_shows_what_came_out_and_nothing_else(run, tiny_store, tmp_path, capsys):
    words = ["test", f"--ckpt_path={run[0]}", f"--data.path={tiny_store}", *SHORT[4:], "--quiet"]
    assert main([*words, f"--trainer.logger.save_dir={tmp_path}"]) == 0
    printed = capsys.readouterr().out
    assert "of expert" in printed and "run folder: " in printed
    assert "evaluating" not in printed


def test_the_bar_can_be_switched_off(tiny_store, tmp_path, capsys):
    words = ["fit", f"--data.path={tiny_store}", *SHORT, "--trainer.enable_progress_bar=false"]
    assert main([*words, "--trainer.fast_dev_run=1", f"--trainer.default_root_dir={tmp_path}"]) == 0
    assert "training:" not in capsys.readouterr().out


def test_another_bar_takes_the_place_of_ours(tiny_store, tmp_path):
    words = ["fit", f"--data.path={tiny_store}", *SHORT, "--trainer.callbacks+=TQDMProgressBar"]
    assert main([*words, "--trainer.fast_dev_run=1", f"--trainer.default_root_dir={tmp_path}"]) == 0


def test_predictions_are_written(run, tiny_store, tmp_path, capsys):
    words = ["predict", f"--ckpt_path={run[0]}", f"--data.path={tiny_store}", *SHORT[2:5]]
    assert main([*words, f"--trainer.logger.save_dir={tmp_path}"]) == 0
    (file,) = tmp_path.rglob("predictions.npz")
    assert f"from the held-out episodes: {file}" in capsys.readouterr().out
    with np.load(file, allow_pickle=False) as arrays:
        outputs, labels, weights = (arrays[n] for n in ("outputs", "labels", "loss_mask"))
    assert outputs.shape == labels.shape == (*weights.shape, 6)
    assert weights.shape[1] == 8 and set(np.unique(weights)) == {0.0, 1.0}
    assert np.isfinite(outputs).all() and outputs.std() > 0


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_untrained_weights_are_not_judged(verb, tiny_store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([verb, f"--data.path={tiny_store}"]) == 2
    assert f"{verb} needs a trained policy: give --ckpt_path" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["fit", "test"])
def test_a_checkpoint_that_is_not_there(verb, tiny_store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([verb, f"--data.path={tiny_store}", "--ckpt_path=nofile.ckpt"]) == 2
    assert "no checkpoint at nofile.ckpt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def terminal(**settings: object) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, **settings)


def drawn(console: Console) -> list[str]:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]", text) if line.strip()]


@pytest.mark.parametrize("total", [4000, 1_000_000])
def test_the_bar_of_a_training_fits_80_columns(total):
    console = terminal()
    bar = Bar(console, 0, total)
    metrics = {"val/loss": 0.012345, "closed_loop/of_expert": 0.98765, "train/loss": 1.0}
    bar.show(total // 2, 1234.5, progress.figures(metrics))
    bar.close()
    last = drawn(console)[-1]
    assert len(last) <= 80
    assert last.startswith(f"{total // 2}/{total}") and "1234/s" in last
    assert last.endswith("val loss 0.0123  of expert 0.988")


def test_the_bar_of_an_evaluation_fits_80_columns():
    console = terminal()
    with evaluation_progress(console) as show:
        show(Progress(done=12345, total=99999, steps=123_456_789, fraction=0.5))
    assert max(map(len, drawn(console))) <= 80
    assert any("12345/99999 episodes" in line for line in drawn(console))


def test_an_evaluation_without_a_terminal_says_a_line(monkeypatch):
    monkeypatch.setattr("lrs_lightning.report.progress.SECONDS_BETWEEN_LINES", 0.0)
    console = Console(file=io.StringIO(), force_terminal=False, width=80)
    with evaluation_progress(console) as show:
        show(Progress(done=3, total=12, steps=100, fraction=0.25))
    assert console.file.getvalue().startswith("evaluating: 3 of 12 episodes, ")
    with evaluation_progress(console, quiet=True) as show:
        assert show is None


def test_colours_can_be_refused(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal()
    bar = Bar(console, 0, 10)
    bar.show(5, 1.0, "")
    bar.close()
    assert not re.search(r"\x1b\[[0-9;]*3[0-8]", console.file.getvalue())
    monkeypatch.delenv("NO_COLOR")


def test_a_training_that_fails_leaves_the_terminal_as_it_was():
    trainer = SimpleNamespace(estimated_stepping_batches=4, global_step=0, progress_bar_metrics={})
    shown = RunProgress()
    shown.on_train_start(trainer, None)
    assert shown._display is not None
    shown.on_exception(trainer, None, RuntimeError())
    assert shown._display is None


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_short_help_needs_neither_torch_nor_lightning(verb):
    code = (
        f"import sys; from lrs_lightning.cli import main; main(['{verb}', '--help']); "
        "sys.exit(bool({'torch', 'lightning', 'numpy', 'gymnasium'} & set(sys.modules)))"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True
    )
    assert done.returncode == 0 and f"lrs_lightning {verb} ".encode() in done.stdout
