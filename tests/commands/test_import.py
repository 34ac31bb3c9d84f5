"""The verb from a folder of files to a store that `fit` reads."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.cli import main
from lrs_lightning.data import DemonstrationStore


def test_a_folder_becomes_a_store(tmp_path, capsys):
    frames = np.random.default_rng(0).integers(0, 256, (35, 84, 84), dtype=np.uint8)
    obs = np.stack([frames[i : i + 32] for i in range(4)], axis=-1)
    for part in ("train", "val"):
        np.savez_compressed(tmp_path / f"{part}_00000.npz", obs=obs, actions=np.arange(32) % 4)
    words = ["--format", "ncps-npz", "--source", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["import", *words]) == 0
    assert "2 episodes of ALE/Breakout-v5, 64 steps" in capsys.readouterr().out
    store = DemonstrationStore(tmp_path / "out", "ALE/Breakout-v5")
    np.testing.assert_array_equal(store[0].labels, np.arange(32) % 4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "minarii", "--source", ".", "--out", "x"], "unknown format 'minarii'"),
        (["--format", "ncps-npz", "--source", ".", "--out", "x"], "has no train_*.npz"),
        (["--format", "ncps-npz", "--out", "x"], "--source"),
        (
            ["--format", "ncps-npz", "--source", "nowhere", "--out", "x"],
            "no file or folder at n",
        ),
        (["--format", "ncps-npz", "--sorce", "x", "--source", "a", "--out", "x"], "'--source'"),
    ],
)
def test_wrong_words_are_told(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["import", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
