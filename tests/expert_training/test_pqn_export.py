"""From a checkpoint to weights and a card that says where they come from."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.expert_training import pqn_export
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_export import export_expert
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, CURVE
from lrs_lightning.experts import build_q_network, load_expert

GAME = "ALE/Breakout-v5"


@pytest.fixture
def network(tmp_path: Path) -> Any:
    """A checkpoint after 500 decisions, with a curve that goes on beyond it."""
    made = build_q_network("small", 4)
    torch.save(
        {
            "config": asdict(PQNConfig(env_id="Breakout", gamma=0.9)), "network": made.state_dict(),
            "optimizer": {}, "generator": torch.zeros(1), "decisions": 500, "finished": [],
            "seconds": 12.6,
        },
        tmp_path / CHECKPOINT,
    )  # fmt: skip
    return made


def write_curve(folder: Path, rows: int) -> None:
    with (folder / CURVE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["decisions", "episodes_return"])
        writer.writerows((10 * k, k / 2) for k in range(1, rows + 1))


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def measured(expert: Any, env_id: str, episodes: int) -> dict[str, Any]:
        calls.append((expert, env_id, episodes))
        return {"evaluation": {"return_mean": 7.0}}

    monkeypatch.setattr(pqn_export, "measured", measured)
    return calls


def test_the_weights_act_as_the_network_did(tmp_path: Path, network: Any, scored: Any) -> None:
    path = tmp_path / "new" / "mine.safetensors"
    export_expert(tmp_path, path)
    expert = load_expert(path, "Breakout")
    frames = torch.randint(0, 256, (16, 4, 84, 84), dtype=torch.uint8)
    np.testing.assert_array_equal(expert.step(frames.numpy())[0], network(frames).argmax(1))
    ((scored_expert, env_id, episodes),) = scored
    assert (env_id, episodes) == (GAME, 30)
    np.testing.assert_array_equal(scored_expert.step(frames.numpy())[0], network(frames).argmax(1))


def test_the_card_says_where_they_come_from(tmp_path: Path, network: Any, scored: Any) -> None:
    write_curve(tmp_path, 60)
    card = export_expert(tmp_path, tmp_path / "mine.safetensors", episodes=3)
    written = json.loads((tmp_path / "mine.json").read_text())
    assert {key: written[key] for key in card} == card
    assert written.keys() - card.keys() == {"sha256", "weights_sha256"}
    expected = {
        "env": GAME, "algorithm": "PQN", "encoder": "small", "normalize": "true",
        "recipe": f"python -m lrs_lightning expert fit --env {GAME}", "decisions": 500,
        "frames": 2000, "seconds": 13, "evaluation": {"return_mean": 7.0},
    }  # fmt: skip
    assert {key: card[key] for key in expected} == expected
    assert card["config"]["gamma"] == 0.9 and "84 x 84" in card["network"]
    assert scored[0][2] == 3
    assert load_expert(tmp_path / "mine.safetensors", GAME).card["decisions"] == 500


@pytest.mark.parametrize("rows", [0, 1, 7, 25, 26, 49, 50, 60])
def test_the_curve_is_thinned_out_and_keeps_its_end(
    tmp_path: Path, network: Any, scored: Any, rows: int
) -> None:
    write_curve(tmp_path, rows)
    curve = export_expert(tmp_path, tmp_path / "mine.safetensors")["learning_curve"]
    kept = min(rows, 50)  # the checkpoint stands for no more
    assert len(curve) <= kept and len(curve) >= min(kept, 25)
    assert len(curve) <= 2 * 25
    assert curve[-1:] == ([[10 * kept, kept / 2]] if rows else [])
    assert all(decisions == 20 * mean for decisions, mean in curve)
    steps = np.diff([0, *(decisions for decisions, _ in curve)])
    assert (steps > 0).all() and (np.unique(steps[:-1]).size <= 1)


def test_without_a_curve_there_is_none(tmp_path: Path, network: Any, scored: Any) -> None:
    assert export_expert(tmp_path, tmp_path / "mine.safetensors")["learning_curve"] == []
