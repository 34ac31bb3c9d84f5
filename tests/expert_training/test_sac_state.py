"""A SAC training that is interrupted anywhere ends as one that never was."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from lrs_lightning.checkpoints import read_checkpoint
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training import sac
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.expert_training.sac_state import CHECKPOINT, PREVIOUS, REPLAY
from lrs_lightning.experts import load_expert
from lrs_lightning.stopping import Interrupted
from tests.expert_training import fake_sac
from tests.expert_training.fake_sac import FakeSAC

TASK = "HalfCheetah-v5"
CONFIG = SACConfig(steps=1000, buffer_size=640)
MEMORY = (*fake_sac._MEMORY, "rewards", "dones", "timeouts")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of 200 steps, and no library."""
    monkeypatch.setattr(sac, "PART", 200)
    monkeypatch.setattr(sac, "measured", lambda *_: {})
    monkeypatch.setattr(sac, "best_of", lambda players, _: (max(players), {}))
    monkeypatch.setitem(sys.modules, "jax", fake_sac.jax)
    monkeypatch.setitem(sys.modules, "jax.tree_util", fake_sac.jax.tree_util)


@pytest.fixture
def train(monkeypatch):
    """Train in a folder, up to a number of steps; returns the model."""

    def run(folder: Path, config: SACConfig = CONFIG, until: int | None = None, env: str = TASK):
        made = []

        class Library(FakeSAC):
            def __init__(self, *words, **options):
                super().__init__(*words, **options)
                made.append(self)

            def learn(self, steps, **options):
                if self.num_timesteps == until:
                    super().learn(steps // 2, **options)  # what is lost
                    raise Interrupted(signal.SIGTERM)
                super().learn(steps, **options)

        monkeypatch.setattr(sac, "_library", lambda: (Library, lambda *_, **__: "environments"))
        try:
            sac.train_sac(env, folder, config)
        except Interrupted:
            assert until is not None
        return made[0]

    return run


def content(folder: Path) -> dict[str, Any]:
    """File -> its bytes; of actors what is in them, since their headers have no fixed order."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*.ckpt"):
        found[str(path.relative_to(folder))] = path.read_bytes()
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "np") as file:
            tensors = {key: file.get_tensor(key).tobytes() for key in file.keys()}  # noqa: SIM118
            found[str(path.relative_to(folder))] = (file.metadata(), tensors)
    return found


@pytest.mark.parametrize("cuts", [(0,), (200,), (800,), (200, 400, 600)])
def test_it_ends_as_the_uninterrupted_one(tmp_path, train, cuts):
    whole = train(tmp_path / "whole")
    for cut in cuts:
        train(tmp_path / "cut", until=cut)
    last = train(tmp_path / "cut")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    for name in MEMORY:
        here, there = (getattr(model.replay_buffer, name) for model in (last, whole))
        np.testing.assert_array_equal(here, there)
    assert (last.replay_buffer.pos, last.replay_buffer.full) == (45, True)
    assert (last.num_timesteps, last._n_updates, last._episode_num) == (1000, 80, 15)


def test_a_finished_training_can_be_made_longer(tmp_path, train):
    train(tmp_path / "short", SACConfig(steps=400, buffer_size=640))
    train(tmp_path / "short", until=600)
    # In between it is an expert without a card: the old one is not its own.
    assert load_expert(tmp_path / "short" / sac.EXPERT, TASK).card["steps"] == "600"
    train(tmp_path / "short")
    train(tmp_path / "long")
    at_the_end = (f"{folder}/{CHECKPOINT}" for folder in ("short", "long"))
    short, long = (read_checkpoint(tmp_path / path) for path in at_the_end)
    for key, leaf in long["learnt"].items():
        assert torch.equal(short["learnt"][key], leaf)


def test_parts_that_the_memory_has_forgotten_are_taken_away(tmp_path, train):
    train(tmp_path)
    ends = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / REPLAY).iterdir())
    # 640 steps before 1,000, and before 800 for the checkpoint before.
    assert ends == [200, 400, 600, 800, 1000]
    train(tmp_path, SACConfig(steps=1400, buffer_size=640))
    ends = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / REPLAY).iterdir())
    assert ends == [600, 800, 1000, 1200, 1400]


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_the_checkpoint_before_takes_the_place_of_a_damaged_one(tmp_path, train, capsys, damage):
    train(tmp_path / "whole")
    train(tmp_path / "cut", until=600)
    path = tmp_path / "cut" / CHECKPOINT
    if damage == "flipped":
        bytes_ = bytearray(path.read_bytes())
        bytes_[len(bytes_) // 2] ^= 1
        path.write_bytes(bytes_)
    else:
        path.unlink()
    train(tmp_path / "cut")
    assert f"{PREVIOUS} of 400 steps takes its place" in capsys.readouterr().err
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_another_recipe_is_refused_and_nothing_changes(tmp_path, train):
    train(tmp_path, until=600)
    before = content(tmp_path)
    with pytest.raises(ArgumentError, match=r"another recipe: tau \(was 0.005, is 0.01\), seed"):
        train(tmp_path, SACConfig(steps=1000, buffer_size=640, tau=0.01, seed=1))
    with pytest.raises(ArgumentError, match=r"env \(was HalfCheetah-v5, is Walker2d-v5\)"):
        train(tmp_path, env="Walker2d-v5")
    assert content(tmp_path) == before


def test_what_is_missing_or_damaged_in_the_memory_is_named(tmp_path, train):
    train(tmp_path, until=600)
    part = tmp_path / REPLAY / "200-400.ckpt"
    whole = part.read_bytes()
    part.write_bytes(whole[:-100])
    with pytest.raises(DataError, match=f"{part} is damaged or no checkpoint"):
        train(tmp_path)
    torch.save({"rewards": torch.zeros(3, 5)}, part)
    with pytest.raises(DataError, match=f"{part} is no part of this memory"):
        train(tmp_path)
    part.unlink()
    with pytest.raises(
        DataError, match="has no part that ends at 400 steps: train anew in another"
    ):
        train(tmp_path)


def test_a_checkpoint_of_something_else_is_named(tmp_path, train):
    train(tmp_path, until=600)
    path = tmp_path / CHECKPOINT
    state = read_checkpoint(path)
    (tmp_path / PREVIOUS).unlink()
    torch.save({**state, "learnt": {"0": torch.zeros(2)}}, path)
    with pytest.raises(DataError, match="holds another network than its recipe's"):
        train(tmp_path)
    for wrong, lacking in (
        ({"state_dict": {}}, "env, config, learnt, keys, steps"),
        ({**state, "steps": "600", "config": None}, "config, steps"),
        ({**state, "keys": [1, 2]}, "tensors"),
    ):
        torch.save(wrong, path)
        with pytest.raises(DataError, match=f"is not of a SAC training: it lacks {lacking}"):
            train(tmp_path)
