from __future__ import annotations

import errno
import hashlib
import json
import signal
import sys
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.expert_training import sac
from lrs_lightning.expert_training.sac import EXPERT, actor_layers
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.experts import load_expert
from lrs_lightning.stopping import Interrupted


def actor(outputs=6):
    rng = np.random.default_rng(0)
    sizes = [(17, 8), (8, 8), (8, outputs), (8, outputs)]
    return {
        f"Dense_{i}": {"kernel": rng.standard_normal(s), "bias": rng.standard_normal(s[1])}
        for i, s in enumerate(sizes)
    }


@pytest.mark.parametrize("nested", [False, True])
def test_the_actor_of_jax_acts_the_same_here(tmp_path, nested):
    params = actor()
    save_file(actor_layers({"params": params} if nested else params), tmp_path / "a.safetensors")
    x = np.random.default_rng(1).standard_normal((5, 17))
    hidden = x
    for i in range(2):
        hidden = np.maximum(
            hidden @ params[f"Dense_{i}"]["kernel"] + params[f"Dense_{i}"]["bias"], 0
        )
    expected = np.tanh(hidden @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"])
    actions, _ = load_expert(tmp_path / "a.safetensors", "HalfCheetah-v5").step(x)
    np.testing.assert_allclose(actions, expected, atol=1e-5)


def test_another_network_is_told():
    with pytest.raises(DataError, match="no layer 'Dense_2'"):
        actor_layers({f"Dense_{i}": {} for i in range(2)})


class Library:
    """What is used of sbx and stable-baselines3: a model that learns in its own steps."""

    def __init__(self, seen):
        self.seen = seen

    def sac(self, policy, envs, **options):
        self.seen["model"] = (policy, envs, options)
        self.num_timesteps, self.policy = 0, self
        self.actor_state = SimpleNamespace(params=actor())
        return self

    def make_vec_env(self, env_id, **options):
        self.seen["envs"] = (env_id, options)
        return "environments"

    def learn(self, steps, **options):
        self.seen.setdefault("learn", []).append((steps, options["reset_num_timesteps"]))
        self.seen.setdefault("saved", []).append((self.seen["folder"] / EXPERT).exists())
        self.num_timesteps += steps


@pytest.fixture
def seen(monkeypatch, tmp_path):
    seen = {"folder": tmp_path / "new"}
    library = Library(seen)
    monkeypatch.setattr(sac, "_library", lambda: (library.sac, library.make_vec_env))

    def measured(expert, env_id, episodes):
        seen["score"] = (type(expert).__name__, env_id, episodes)
        return {"evaluation": {"return_mean": 3.0}}

    def best_of(candidates, env_id):
        seen["candidates"] = list(candidates)
        return seen.get("best", max(candidates)), {}

    monkeypatch.setattr(sac, "measured", measured)
    monkeypatch.setattr(sac, "best_of", best_of)
    return seen


def test_it_is_trained_in_parts_and_saved_after_each(seen):
    path = sac.train_sac(
        "HalfCheetah-v5", seen["folder"], SACConfig(steps=120_000, seed=5), episodes=4
    )
    assert seen["learn"] == [(50_000, False), (50_000, False), (20_000, False)]
    assert seen["saved"] == [False, True, True]
    assert seen["envs"] == ("HalfCheetah-v5", {"n_envs": 8, "seed": 5})
    policy, envs, options = seen["model"]
    assert (policy, envs, options["seed"]) == ("MlpPolicy", "environments", 5)
    assert options["tensorboard_log"] == str(seen["folder"])
    # Eight environments, four steps of each between sixteen updates: one for every two steps.
    assert 8 * options["train_freq"] == 2 * options["gradient_steps"]
    assert options["batch_size"] == 128 and options["policy_kwargs"] == {"net_arch": [256, 256]}
    assert options["learning_starts"] == 10_000 and options["buffer_size"] == 1_000_000
    assert path == seen["folder"] / EXPERT
    assert seen["score"] == ("MLPExpert", "HalfCheetah-v5", 4)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card.pop("weights_sha256") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(card.pop("sha256")) == 64
    assert card == {
        "env": "HalfCheetah-v5", "algorithm": "SAC", "seed": 5, "environment_steps": 120_000,
        "recipe": "python -m lrs_lightning expert fit --env HalfCheetah-v5",
        "config": asdict(SACConfig(steps=120_000, seed=5)),
        "evaluation": {"return_mean": 3.0},
    }  # fmt: skip
    told = load_expert(path, "HalfCheetah-v5").card
    assert (told["steps"], told["algorithm"]) == ("120000", "SAC")


def test_by_default_seed_0_and_twenty_episodes(seen):
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=10))
    assert (
        seen["score"][2] == 20 and seen["envs"][1]["seed"] == 0 and seen["learn"] == [(10, False)]
    )


def test_an_expert_that_is_there_is_not_overwritten(seen):
    seen["folder"].mkdir()
    (seen["folder"] / EXPERT).write_bytes(b"mine")
    with pytest.raises(ArgumentError, match="exists, and this training cannot go on from it"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=10))
    assert (seen["folder"] / EXPERT).read_bytes() == b"mine" and "model" not in seen


@pytest.mark.parametrize(
    ("steps", "told"),
    [(10, "nothing is saved, the same command begins anew"), (80_000, "the actor of 50,000 steps")],
)
def test_a_signal_is_told_what_is_left(seen, monkeypatch, steps, told):
    learn = Library.learn

    def cut(self, count, **options):
        if count < 50_000:
            raise Interrupted(signal.SIGTERM)
        learn(self, count, **options)

    monkeypatch.setattr(Library, "learn", cut)
    with pytest.raises(Interrupted, match=told):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=steps))
    assert not (seen["folder"] / EXPERT).with_suffix(".json").exists()


def test_a_full_disk_of_the_librarys_events_is_named(seen, monkeypatch):
    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Library, "learn", full)
    with pytest.raises(DataError, match=f"cannot write {seen['folder']} .No space left on device"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=10))


def test_a_task_of_another_kind_is_told(seen):
    with pytest.raises(EnvironmentMismatchError, match="CartPole-v1 is no MuJoCo task"):
        sac.train_sac("CartPole-v1", seen["folder"], SACConfig(steps=10))
    assert not seen["folder"].exists()


def test_the_libraries_are_asked_for_where_they_are_absent(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sbx", None)
    with pytest.raises(ArgumentError, match=r"pip install 'lrs-lightning\[expert\]'"):
        sac.train_sac("HalfCheetah-v5", tmp_path / "new", SACConfig(steps=10))
    assert not (tmp_path / "new").exists()
