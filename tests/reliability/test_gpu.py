"""On a GPU: `fit` learns what it learns on a CPU, and a run that is cut goes on to the last bit."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels.dispatch import explain
from lrs_lightning.__main__ import main
from lrs_lightning.training.checkpoint_files import load_checkpoint
from tests.reliability.test_resume import DROPOUT, assert_cut_and_same, newest, run_chains, scalars

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def on(accelerator: str, words: list[str]) -> list[str]:
    changed = [f"--trainer.accelerator={accelerator}" if "accelerator" in w else w for w in words]
    assert changed.count(f"--trainer.accelerator={accelerator}") == 1
    return changed


@pytest.mark.parametrize("core", ["CfC", "LSTM", "GRU", "RNN"])
def test_a_gpu_learns_what_a_cpu_learns(tmp_path, fit_words, core):
    assert "cfc: triton" in explain("cuda")
    losses = {}
    for accelerator in ("gpu", "cpu"):
        folder = tmp_path / accelerator
        words = [*on(accelerator, fit_words), f"--model.policy.core={core}"]
        assert main([*words, f"--trainer.logger.save_dir={folder}"]) == 0
        figures = scalars(folder)
        losses[accelerator] = {k: v for k, v in figures.items() if k[0] == "train/loss"}
        checkpoint, _ = load_checkpoint(newest(folder, "last.ckpt"))
        assert checkpoint["global_step"] == 30
    assert losses["gpu"].keys() == losses["cpu"].keys()
    for key, (value,) in losses["gpu"].items():
        (expected,) = losses["cpu"][key]
        assert value == pytest.approx(expected, rel=2e-3), key


def test_a_run_that_is_cut_on_a_gpu_ends_as_if_it_had_not_been(tmp_path, fit_words):
    words = [*on("gpu", fit_words), *DROPOUT]
    result = run_chains(tmp_path, words, {"SIGTERM": 1, "SIGKILL": 1}, 3)
    for name in ("SIGTERM", "SIGKILL"):
        assert assert_cut_and_same(tmp_path, result, name) >= 1
