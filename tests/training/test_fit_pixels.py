"""The main job from pixels, as small as it gets: collect, train, play, film."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from lrs_lightning.cli import main
from lrs_lightning.experts import build_q_network, save_pixel_expert

pytest.importorskip("ale_py")
CONF = Path(__file__).parents[2] / "conf" / "seaquest.yaml"


@pytest.mark.usefixtures("short_games")
def test_the_shipped_configuration_trains_plays_and_films(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(0)
    expert = tmp_path / "expert.safetensors"
    save_pixel_expert(build_q_network("small", 18), expert, {"env": "ALE/Seaquest-v5"})
    code = main(
        [
            "fit",
            f"--config={CONF}",
            f"--data.expert={expert}",
            "--data.episodes=3",
            "--data.batches=1",
            "--data.batch_size=2",
            "--trainer.max_steps=2",
            "--evaluation.episodes=1",
            "--evaluation.quick_episodes=1",
            "--evaluation.suite=smoke",
            "--films.steps=20",
            "--films.conditions=[clean, occlusion@3]",
        ]
    )
    assert code == 0
    (folder,) = (tmp_path / "runs" / "ALE_Seaquest-v5").iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["env"] == "ALE/Seaquest-v5" and summary["conditions"][0]["shift"] == "clean"
    assert {p.name for p in (folder / "films").iterdir()} == {
        "clean-worst.gif",
        "occlusion-3-first.gif",
    }


def test_every_key_of_the_configuration_says_what_it_is():
    text = CONF.read_text()
    values = [line for line in text.splitlines() if line.startswith("  ") and ": " in line]
    assert values and all("#" in line for line in values)
    assert yaml.safe_load(text)["data"]["env"] == "ALE/Seaquest-v5"
