from __future__ import annotations

import errno
import hashlib
import json
import signal
import sys
from dataclasses import asdict

import numpy as np
import pytest
from safetensors.numpy import save_file

from lrs_lightning.errors import (
    ArgumentError,
    DataError,
    EnvironmentMismatchError,
    NotFiniteError,
)
from lrs_lightning.expert_training import sac
from lrs_lightning.expert_training.sac import EXPERT
from lrs_lightning.expert_training.sac_actor import actor_layers
from lrs_lightning.expert_training.sac_config import SACConfig
from lrs_lightning.experts import load_expert
from lrs_lightning.stopping import Interrupted
from tests.expert_training import fake_sac
from tests.expert_training.fake_sac import FakeSAC, actor


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
    with pytest.raises(DataError, match="'Dense_2'"):
        actor_layers({f"Dense_{i}": {} for i in range(2)})


@pytest.fixture
def seen(monkeypatch, tmp_path):
    seen = {"folder": tmp_path / "new", "learn": []}

    class Library(FakeSAC):
        def __init__(self, *made, **options):
            super().__init__(*made, **options)
            seen["model"] = self

        def learn(self, steps, **options):
            if cut := seen.get("cut"):
                cut(self.num_timesteps)
            seen["learn"].append(steps)
            super().learn(steps, **options)

    def make_vec_env(env_id, **options):
        seen["envs"] = (env_id, options)
        return "environments"

    def measured(expert, env_id, episodes):
        seen["score"] = (type(expert).__name__, env_id, episodes)
        return {"evaluation": {"return_mean": 3.0}}

    def best_of(candidates, env_id):
        seen["candidates"] = list(candidates)
        return seen.get("best", max(candidates)), seen.get("told", {})

    monkeypatch.setattr(sac, "_library", lambda: (Library, make_vec_env))
    monkeypatch.setitem(sys.modules, "jax", fake_sac.jax)
    monkeypatch.setitem(sys.modules, "jax.tree_util", fake_sac.jax.tree_util)
    monkeypatch.setattr(sac, "measured", measured)
    monkeypatch.setattr(sac, "best_of", best_of)
    return seen


def test_it_is_trained_in_parts_and_told_in_a_card(seen):
    path = sac.train_sac(
        "HalfCheetah-v5", seen["folder"], SACConfig(steps=50_000, seed=5), episodes=4
    )
    assert seen["learn"] == [20_000, 20_000, 10_000]
    assert seen["envs"] == ("HalfCheetah-v5", {"n_envs": 8, "seed": 5})
    policy, envs, options = seen["model"].made
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
        "env": "HalfCheetah-v5", "algorithm": "SAC", "seed": 5, "environment_steps": 50_000,
        "recipe": "python -m lrs_lightning expert fit --env HalfCheetah-v5",
        "config": asdict(SACConfig(steps=50_000, seed=5)),
        "evaluation": {"return_mean": 3.0},
    }  # fmt: skip
    told = load_expert(path, "HalfCheetah-v5").card
    assert (told["steps"], told["algorithm"]) == ("50000", "SAC")


def test_by_default_seed_0_and_twenty_episodes(seen):
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=16))
    assert seen["score"][2] == 20 and seen["envs"][1]["seed"] == 0 and seen["learn"] == [16]


def test_each_part_is_a_line(seen, capsys):
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=20_016))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("20,000 of 20,016 steps, mean return 1.5 with noise, ")
    assert second.startswith("20,016 of 20,016 steps, ") and second.endswith(" steps/s")
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=20_032), progress=False)
    assert capsys.readouterr().out == ""


def test_the_best_of_the_last_five_becomes_the_expert(seen):
    seen |= {"best": 80_000, "told": {"selection": {"seeds": [30_000, 30_009]}}}
    path = sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=140_000))
    assert seen["candidates"] == [60_000, 80_000, 100_000, 120_000, 140_000]
    assert load_expert(path, "HalfCheetah-v5").card["steps"] == "80000"
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["environment_steps"], card["selection"]["seeds"][0]) == (80_000, 30_000)


def test_a_damaged_actor_is_left_out_of_the_choice(seen, capsys):
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=60_000))
    damaged = seen["folder"] / sac.CANDIDATES / "40000.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:50])
    sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=60_000))
    assert seen["candidates"] == [20_000, 60_000]
    told = capsys.readouterr().err
    assert str(damaged) in told and "left out of the choice" in told
    for file in damaged.parent.iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="60000.safetensors"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=60_000))


def test_a_signal_while_it_is_scored_is_told_too(seen, monkeypatch):
    def cut(*_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(sac, "measured", cut)
    with pytest.raises(Interrupted, match="is saved, the same command scores it"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=16))


def test_an_expert_without_its_training_is_not_overwritten(seen):
    seen["folder"].mkdir()
    (seen["folder"] / EXPERT).write_bytes(b"mine")
    with pytest.raises(ArgumentError, match="exists without last.ckpt, and no training can go on"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=16))
    assert (seen["folder"] / EXPERT).read_bytes() == b"mine" and "model" not in seen


@pytest.mark.parametrize(("after", "told"), [(0, "0 environment steps"), (40_000, "40,000 env")])
def test_a_signal_is_told_what_is_saved(seen, after, told):
    def cut(steps):
        if steps == after:
            raise Interrupted(signal.SIGTERM)

    seen["cut"] = cut
    with pytest.raises(Interrupted, match=f"{told}.* saved, the same command goes on"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=50_000))
    assert (seen["folder"] / EXPERT).exists() is (after > 0)
    assert not (seen["folder"] / EXPERT).with_suffix(".json").exists()


def test_a_full_disk_of_the_librarys_events_is_named(seen):
    def full(steps):
        raise OSError(errno.ENOSPC, "No space left on device")

    seen["cut"] = full
    with pytest.raises(DataError, match=f"cannot write {seen['folder']} .No space left on device"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=16))


def test_a_training_that_has_diverged_is_told_and_keeps_what_was(seen):
    def diverge(steps):
        if steps == 20_000:
            seen["model"].policy.actor_state.params["Dense_1"]["bias"][0] = np.inf

    seen["cut"] = diverge
    with pytest.raises(NotFiniteError, match="after 40,000 steps the actor's weights are not fin"):
        sac.train_sac("HalfCheetah-v5", seen["folder"], SACConfig(steps=50_000))
    assert load_expert(seen["folder"] / EXPERT, "HalfCheetah-v5").card["steps"] == "20000"
    assert sac.load_state(seen["model"], seen["folder"], "HalfCheetah-v5", SACConfig()) == 20_000


def test_a_task_of_another_kind_is_told(seen):
    with pytest.raises(EnvironmentMismatchError, match="CartPole-v1 is no MuJoCo task"):
        sac.train_sac("CartPole-v1", seen["folder"], SACConfig(steps=10))
    assert not seen["folder"].exists()


def test_the_libraries_are_asked_for_where_they_are_absent(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sbx", None)
    with pytest.raises(ArgumentError, match=r"pip install 'lrs-lightning\[expert\]'"):
        sac.train_sac("HalfCheetah-v5", tmp_path / "new", SACConfig(steps=10))
    assert not (tmp_path / "new").exists()
