"""`export`: what it writes beside the file, and that it says of a run only what is true of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.deployment import parity
from lrs_lightning.deployment.numpy_policy import Policy
from tests.training.conftest import tiny_store  # noqa: F401

SHORT = [
    *("--trainer.max_steps=4", "--trainer.accelerator=cpu", "--data.batches=2", "--data.window=8"),
    *("--data.burn_in=2", "--evaluation.episodes=2", "--evaluation.suite=smoke", "--quiet"),
    *("--evaluation.every_n_epochs=0", "--model.policy.core.hidden_size=16"),
]


@pytest.fixture(scope="module")
def trained(tiny_store, tmp_path_factory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("export")
    words = ["fit", f"--data.path={tiny_store}", f"--trainer.logger.save_dir={folder}", *SHORT]
    assert main(words) == 0
    return folder / "HalfCheetah-v5" / "version_0"


@pytest.fixture
def run(trained, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(parity, "STEPS", 50)
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_folder_to_carry_away(run, capsys):
    assert main(["export", str(run), "--format", "numpy"]) == 0
    folder = run / "export" / "numpy"
    assert {f.name for f in folder.iterdir()} == {"policy.npz", "lrs_policy.py", "README.md"}
    printed = capsys.readouterr().out
    assert str(folder / "policy.npz") in printed and "50 steps of 3 episodes" in printed
    assert Policy(folder / "policy.npz").about["task"]["env"] == "HalfCheetah-v5"
    card = (folder / "README.md").read_text()
    for part in (
        "a policy for HalfCheetah-v5", "| clean | 2 |", "sensor", "95 % interval", "rank | 8",
        "parameters |", "expert | shipped", "lr | 0.003", "`h` | (1, batch, 16)",
        "from lrs_policy import Policy", "## Limits",
    ):  # fmt: skip
        assert part in card, part


def test_returns_are_those_of_these_weights_or_are_not_told(run):
    for word in (run / "checkpoints" / "initial.ckpt", run):
        assert main(["export", str(word), "--format", "numpy", "--out", str(run / "out")]) == 0
        told = "| clean | 2 |" in (run / "out" / "README.md").read_text()
        assert told == (word == run)
    (run / "results.jsonl").write_text("damaged")
    assert main(["export", str(run), "--format", "numpy", "--out", str(run / "out")]) == 0
    assert "Not measured with these weights" in (run / "out" / "README.md").read_text()


def test_without_resets_the_caller_is_told_to_forget(run):
    card = run / "export" / "pt2" / "README.md"
    for words, told in (([], False), (["--no_reset"], True)):
        assert main(["export", str(run), "--format", "pt2", *words]) == 0
        assert ("set its state to zeros there" in card.read_text()) == told
        assert ("| input | `reset` |" in card.read_text()) != told


def test_the_configuration_is_not_run_and_a_link_not_followed(run, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("data:\n  password: x\n")
    (run / "config.yaml").unlink()
    (run / "config.yaml").symlink_to(secret)
    words = ["export", str(run), "--format", "numpy"]
    assert main(words) == 0
    assert "password" not in (run / "export" / "numpy" / "README.md").read_text()
    (run / "config.yaml").unlink()
    (run / "config.yaml").write_text("data: !!python/object/apply:os.system ['exit 1']\n")
    assert main(words) == 0


def test_what_a_run_says_is_text_in_its_card(run):
    (run / "config.yaml").write_text("data:\n  noise: |\n    a | b\n    # <script>`x`\n")
    assert main(["export", str(run), "--format", "numpy"]) == 0
    card = (run / "export" / "numpy" / "README.md").read_text()
    assert r"a \| b \# \<script\>\`x\`" in card


def test_what_is_wrong_is_a_sentence(run, tmp_path, capsys):
    state = read_checkpoint(run / "checkpoints" / "last.ckpt")
    state["state_dict"]["policy.head.dense.bias"] += float("nan")
    write_checkpoint(state, tmp_path / "nan.ckpt")
    for words, sentence in (
        ([str(run), "--format", "tflite"], "unknown export format 'tflite'"),
        ([str(run), "--format", "numpy", "--no_reset"], "leave out --no_reset"),
        ([str(tmp_path / "gone")], "no checkpoint at"),
        ([str(tmp_path / "nan.ckpt"), "--format=numpy", f"--out={tmp_path}/o"], "not finite"),
        ([str(run), "--format", "numpy", "--tolerance", "1e-30"], "was not written: it is off by"),
    ):
        assert main(["export", *words]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and sentence in error and error.count("\n") == 1
    assert not list(run.rglob("*.npz")) and not list(tmp_path.rglob("*.npz"))
