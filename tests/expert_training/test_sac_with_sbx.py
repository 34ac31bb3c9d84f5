"""Training with the library itself, which is an extra."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lrs_lightning.checkpoints import read_checkpoint
from lrs_lightning.expert_training import sac
from lrs_lightning.expert_training.sac_actor import actor_content
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.expert_training.sac_state import CHECKPOINT, PREVIOUS
from lrs_lightning.experts import load_expert
from tests.expert_training.test_sac_state import content


@pytest.mark.long
def test_a_training_that_goes_on_ends_as_the_uninterrupted_one(tmp_path, monkeypatch):
    pytest.importorskip("sbx", reason="the extra `expert` is not installed")
    monkeypatch.setattr(sac, "PART", 200)
    recipe = {"num_envs": 2, "learning_starts": 100, "batch_size": 16, "hidden_size": 8}
    long = SACConfig(steps=600, buffer_size=500, **recipe)
    sac.train_sac("Hopper-v5", tmp_path / "whole", long, 1, progress=False)
    for steps in (200, 400, 600):
        config = SACConfig(steps=steps, buffer_size=500, **recipe)
        sac.train_sac("Hopper-v5", tmp_path / "cut", config, 1, progress=False)
    whole, cut = content(tmp_path / "whole"), content(tmp_path / "cut")
    for path in (CHECKPOINT, PREVIOUS):  # the length in their recipes differs
        states = [read_checkpoint(tmp_path / name / path) for name in ("whole", "cut")]
        assert len(states[0]["learnt"]) > 20 and states[0]["updates"] > 0
        for key, leaf in states[0]["learnt"].items():
            assert torch.equal(leaf, states[1]["learnt"][key]), key
        assert all(torch.equal(*keys) for keys in zip(*(s["keys"] for s in states), strict=True))
        del whole[path], cut[path]
    assert whole == cut


@pytest.mark.long
@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "silu"])
@pytest.mark.parametrize("hidden", [[8], [16, 4], [8, 8, 8]])
def test_the_actor_acts_here_as_it_does_there(tmp_path, activation, hidden):
    sbx = pytest.importorskip("sbx", reason="the extra `expert` is not installed")
    import jax

    how = {"net_arch": hidden, "activation_fn": getattr(jax.nn, activation)}
    model = sbx.SAC("MlpPolicy", "Hopper-v5", policy_kwargs=how, seed=3)
    path = tmp_path / "actor.safetensors"
    path.write_bytes(actor_content(model, "Hopper-v5"))
    seen = 3 * np.random.default_rng(0).normal(size=(50, 11)).astype(np.float32)
    theirs, _ = model.predict(seen, deterministic=True)
    ours, _ = load_expert(path, "Hopper-v5").step(seen)
    assert np.abs(theirs).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
