"""Whoever judges a run joins it: its folder, its data; what its training wrote stays as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lrs_lightning.cli import main
from lrs_lightning.training.judged_run import data_words, joined, run_of

SMALL = [
    *("--trainer.accelerator=cpu", "--data.batches=2", "--data.window=8", "--data.burn_in=2"),
    *("--model.policy.core.hidden_size=8", "--evaluation.every_n_epochs=0"),
]


@pytest.fixture(scope="module")
def trained(tiny_store, tmp_path_factory):
    """A run of four updates with windows of eight steps, in the usual place."""
    root = tmp_path_factory.mktemp("judged")
    words = ["fit", f"--data.path={tiny_store}", *SMALL, "--trainer.max_steps=4", "--quiet"]
    words += ["--evaluation.episodes=1", "--evaluation.suite=one.yaml"]
    (root / "one.yaml").write_text("[clean]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(words) == 0
    return root


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of it, as seen from the folder above `runs`."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Path("runs/HalfCheetah-v5/version_0")


def rows(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def test_a_test_joins_the_run_and_plays_only_what_is_missing(run):
    before = rows(run)
    config, hparams = ((run / name).read_bytes() for name in ("config.yaml", "hparams.yaml"))
    words = ["--quiet", "--evaluation.suite=one.yaml", "--evaluation.episodes=2"]
    assert main(["test", f"--ckpt_path={run}", *words]) == 0
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]
    after = rows(run)
    assert after[: len(before)] == before and len(after) == 2 * len(before)
    assert {row["training_seed"] for row in after} == {0}
    summary = json.loads((run / "summary.json").read_text())
    assert [c["episodes"] for c in summary["conditions"]] == [2]
    assert summary["provenance"]["step"] == 4
    assert (run / "config.yaml").read_bytes() == config
    assert (run / "hparams.yaml").read_bytes() == hparams
    board = EventAccumulator(str(run)).Reload()
    steps = [event.step for event in board.Scalars("val/loss")]
    assert steps == sorted(steps) and steps[-1] == 4


def test_a_validation_leaves_the_results_as_they_were(run, capsys):
    names = ("results.jsonl", "summary.json", "config.yaml")
    before = [(run / name).read_bytes() for name in names]
    words = ["validate", f"--ckpt_path={run / 'checkpoints' / 'best.ckpt'}", "--quiet"]
    assert main([*words, "--evaluation.episodes=1"]) == 0
    assert [(run / name).read_bytes() for name in names] == before
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]
    assert "clean" in capsys.readouterr().out


def test_predictions_stand_in_the_run_and_are_of_its_own_data(run, capsys):
    assert main(["predict", f"--ckpt_path={run}"]) == 0
    assert f"held-out episodes: {run / 'predictions.npz'}" in capsys.readouterr().out
    with np.load(run / "predictions.npz", allow_pickle=False) as arrays:
        assert arrays["loss_mask"].shape[1] == 8


def test_a_folder_that_is_named_is_taken(run, tmp_path):
    words = ["predict", f"--ckpt_path={run}", f"--trainer.logger.save_dir={tmp_path / 'else'}"]
    assert main(words) == 0
    assert not (run / "predictions.npz").exists() and list((tmp_path / "else").rglob("*.npz"))


@pytest.mark.parametrize("inside", [".", "checkpoints/last.ckpt", "checkpoints/best.ckpt"])
def test_a_run_is_found_by_its_checkpoints(run, inside):
    assert run_of(run / inside) == run
    assert joined(run) == {
        "save_dir": "runs", "name": "HalfCheetah-v5", "version": "version_0"
    }  # fmt: skip


def test_a_checkpoint_alone_belongs_to_no_run(run, tmp_path):
    shutil.copy(run / "checkpoints" / "last.ckpt", tmp_path / "mine.ckpt")
    assert run_of(tmp_path / "mine.ckpt") is None and run_of("last") is None
    assert data_words([f"--ckpt_path={tmp_path / 'mine.ckpt'}"]) == []


def test_the_data_of_the_run_come_before_what_is_asked(run, tiny_store):
    found = data_words(["--ckpt_path", str(run)])
    assert {f"--data.path={tiny_store}", "--data.window=8", "--data.batches=2"} <= set(found)
    assert all(word.startswith("--data.") for word in found)


@pytest.mark.parametrize("more", [["--data.path=x"], ["--data.env", "Hopper-v5"], ["--config=c"]])
def test_other_demonstrations_are_left_to_the_user(run, more):
    Path("c").write_text("data: {path: elsewhere}\n")
    assert data_words([f"--ckpt_path={run}", *more]) == []


@pytest.mark.parametrize(
    "data",
    [
        {"path": "s", "expert": "os:getcwd"},
        {"env": "os:Thing"},
        {"env": "X-v0", "wrappers": ["os:getcwd"]},
        {"env": "X-v0", "env_kwargs": {"path": "/etc"}},
        {"statistics": "x.pkl"},
        {"path": {"class_path": "os.getcwd"}},
        ["path"],
        "path",
        None,
    ],
)
def test_what_names_code_is_not_taken_from_a_file(run, data):
    (run / "config.yaml").write_text(yaml.safe_dump({"data": data}))
    assert data_words([f"--ckpt_path={run}"]) == []


@pytest.mark.parametrize("content", [None, "a: [", "x: !!python/object/apply:os.getcwd []"])
def test_a_configuration_that_cannot_be_read_says_nothing(run, content):
    (run / "config.yaml").unlink()
    if content is not None:
        (run / "config.yaml").write_text(content)
    assert data_words([f"--ckpt_path={run}"]) == []


@pytest.mark.parametrize("name", ["accelerator=cpuu", "max_epochs=-5"])
def test_a_trainer_that_cannot_be_built_is_one_sentence(
    name, tiny_store, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", f"--data.path={tiny_store}", f"--trainer.{name}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the trainer refuses its options") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
