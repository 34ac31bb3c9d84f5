"""How a run may end: what is saved then, what the exit code says, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from lrs_lightning.cli import main
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.training import ImitationModule, load_policy
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.checkpoint_files import load_checkpoint

pytestmark = pytest.mark.usefixtures("short_episodes", "undrawn")


@pytest.fixture
def no_closed_loop(monkeypatch):
    monkeypatch.setattr(ShiftedEvaluation, "_report", lambda *_: None)


@pytest.fixture
def at_the_end(monkeypatch):
    """The weights and the number of updates that training ended with."""
    seen = {}

    def note(self):
        seen["step"] = self.trainer.global_step
        seen["weights"] = {k: v.clone() for k, v in self.state_dict().items()}

    monkeypatch.setattr(ImitationModule, "on_train_end", note)
    return seen


def only(folder, name):
    (file,) = folder.rglob(name)
    return load_checkpoint(file)[0]


def signal_at(monkeypatch, step: int, number: int) -> None:
    """Have a signal arrive in the middle of an update."""
    training_step = ImitationModule.training_step

    def signalled(self, batch, batch_idx):
        if self.trainer.global_step == step:
            os.kill(os.getpid(), number)
        return training_step(self, batch, batch_idx)

    monkeypatch.setattr(ImitationModule, "training_step", signalled)


@pytest.mark.usefixtures("no_closed_loop")
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--model.lr=3"],
        ["--trainer.max_steps=9", "--trainer.limit_val_batches=0"],
        ["--trainer.max_steps=-1", "--trainer.max_epochs=2"],
        ["--trainer.max_time=00:00:00:01", "--trainer.max_steps=100000"],
        ["--checkpoint.every=1h"],
        ["--trainer.accumulate_grad_batches=4"],
    ],
    ids=["part-epoch", "rising", "unvalidated", "epochs", "time", "unsaved", "accumulated"],
)
def test_last_is_the_last_update(fit_words, tmp_path, at_the_end, more):
    assert main([*fit_words, *more, f"--trainer.logger.save_dir={tmp_path}"]) == 0
    last = only(tmp_path, "last.ckpt")
    assert last["global_step"] == at_the_end["step"] > 0
    for name, weight in at_the_end["weights"].items():
        assert torch.equal(last["state_dict"][name], weight), name
    initial = only(tmp_path, "initial.ckpt")
    assert initial["global_step"] == 0
    assert any(not torch.equal(v, last["state_dict"][k]) for k, v in initial["state_dict"].items())


def returns(folder):
    rows = map(json.loads, (folder / "results.jsonl").read_text().splitlines())
    return {(row["condition"], row["seed"]): row["return"] for row in rows}


def test_fit_test_and_evaluate_play_the_same_weights(fit_words, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("- clean\n- sensor_noise@2\n")
    words = [f"--evaluation.suite={suite}", "--evaluation.episodes=1"]
    assert main([*fit_words, *words, f"--trainer.logger.save_dir={tmp_path / 'fit'}"]) == 0
    (run,) = (tmp_path / "fit").glob("*/version_0")
    data = next(word for word in fit_words if word.startswith("--data.path"))
    again = [f"--trainer.logger.save_dir={tmp_path / 'test'}", f"--ckpt_path={run}", data, *words]
    assert main(["test", *again]) == 0
    (tested,) = (tmp_path / "test").glob("*/version_0")
    out = tmp_path / "evaluated"
    policy = ["--policy", str(run), "--suite", str(suite), "--episodes", "1"]
    assert main(["evaluate", *policy, "--out", str(out)]) == 0
    fitted = returns(run)
    assert len(fitted) == 2 and returns(tested) == fitted and returns(out) == fitted


@pytest.mark.usefixtures("no_closed_loop")
def test_the_best_is_not_forgotten_over_a_restart(fit_words, tmp_path, monkeypatch):
    scores = {7: 1.0, 14: 0.25, 21: 0.75, 28: 0.5}

    def score(self):
        self.log("val/loss", scores[self.trainer.global_step])
        self.val_loss.reset()

    monkeypatch.setattr(ImitationModule, "on_validation_epoch_end", score)
    with monkeypatch.context() as patch:
        signal_at(patch, 16, signal.SIGTERM)
        assert main([*fit_words, f"--trainer.logger.save_dir={tmp_path / 'a'}"]) == 143
    last = only(tmp_path / "a", "last.ckpt")
    assert last["global_step"] == 17 and last["resume"]["best_score"] == 0.25
    (file,) = (tmp_path / "a").rglob("last.ckpt")
    words = [f"--trainer.logger.save_dir={tmp_path / 'b'}", f"--ckpt_path={file}"]
    assert main([*fit_words, *words]) == 0
    best, resumed = only(tmp_path / "b", "best.ckpt"), only(tmp_path / "b", "last.ckpt")
    assert (best["global_step"], best["resume"]["best_score"]) == (14, 0.25)
    assert (resumed["global_step"], resumed["resume"]["best_step"]) == (30, 14)
    assert only(tmp_path / "b", "initial.ckpt")["global_step"] == 0
    assert load_policy(file.with_name("best.ckpt")).path.name == "best.ckpt"


@pytest.mark.usefixtures("no_closed_loop")
def test_what_would_change_a_training_is_refused_when_it_goes_on(
    fit_words, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        signal_at(patch, 3, signal.SIGINT)
        assert main([*fit_words, f"--trainer.logger.save_dir={tmp_path}"]) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("interrupted by SIGINT; update 4 is saved: --ckpt_path=")
    (version,) = tmp_path.glob("*/version_0")
    before = sorted(version.rglob("*"))
    for more, sentence in [
        (["--data.batch_size=8"], "data.batch_size was 4 and is 8; give --data.batch_size=4"),
        (["--trainer.accumulate_grad_batches=2"], "give --trainer.accumulate_grad_batches=1"),
        (["--model.lr=0.5"], "trained with model.lr=0.003 and 0.5 is asked for"),
        (["--trainer.max_steps=60"], "give --trainer.max_steps=30, or train anew"),
    ]:
        words = [*fit_words, *more, "--ckpt_path=last", f"--trainer.logger.save_dir={tmp_path}"]
        assert main(words) == 2
        assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in version.parent.iterdir()] == ["version_0"]
    assert set(before) <= set(version.rglob("*"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--ckpt_path=last"], "has a checkpoint last.ckpt: give the path of one"),
        (["--ckpt_path=best"], "has a checkpoint best.ckpt"),
        (["--data.window=4", "--data.burn_in=4"], "at least one step must be left"),
        (["--data.start_share=1"], "start_share"),
        (["--checkpoint.every=often"], "give a time such as 60s, 5m or 1h"),
        (["--guard.limit=0"], "a limit of at least 1"),
        (["--data.path=nowhere"], "no demonstrations in nowhere"),
    ],
)
def test_a_fit_that_is_refused_leaves_nothing(
    fit_words, tmp_path, monkeypatch, capsys, more, sentence
):
    monkeypatch.chdir(tmp_path)
    assert main([*fit_words, *more]) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_evaluate_prints_what_it_has(tmp_path, monkeypatch, capsys):
    write, asked = ResultsWriter.write, []

    def interrupting(self, *args, **more):
        asked.append(args)
        if len(asked) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return write(self, *args, **more)

    monkeypatch.setattr(ResultsWriter, "write", interrupting)
    words = ["evaluate", "--policy", "shipped", "--suite", "smoke", "--episodes", "2"]
    code = main([*words, "--env", "HalfCheetah-v5", "--out", str(tmp_path)])
    printed = capsys.readouterr()
    assert code == 130
    assert "clean" in printed.out
    assert "3 of " in printed.err and "to play the rest" in printed.err
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 3


SECOND = """
import os, signal, time
from lrs_lightning.stopping import SIGNALS, Interrupted
with SIGNALS.listening():
    SIGNALS.defer()
    os.kill(os.getpid(), signal.SIGTERM)
    assert SIGNALS.received == signal.SIGTERM
    os.kill(os.getpid(), signal.{second})
    print("still here")
"""


@pytest.mark.parametrize("second", ["SIGTERM", "SIGINT"])
def test_a_second_signal_ends_at_once(second):
    code = SECOND.format(second=second)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -getattr(signal, second) and done.stdout == ""


def test_a_signal_that_was_switched_off_stays_off():
    code = (
        "import os, signal\nfrom lrs_lightning.stopping import SIGNALS\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with SIGNALS.listening():\n    os.kill(os.getpid(), signal.SIGINT)\nprint('on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "on\n")
