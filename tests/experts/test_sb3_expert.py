"""From a zip to an expert: its card, and which statistics its observations are normalised with."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.experts import load_expert
from lrs_lightning.experts.sb3_expert import expert_from_zip
from tests.experts.statistics import saved
from tests.experts.zips import DQN, PPO, SAC, TD3, mlp, named, nature, save_zip

ENV = "HalfCheetah-v5"  # 17 channels, 6 actions
X = np.random.default_rng(0).normal(size=(4, 17))
MEAN, VARIANCE = np.linspace(-1, 1, 17), np.linspace(0.5, 2, 17)


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return save_zip(tmp_path / "td3-mine.zip", named("actor.mu", mlp(17, 8, 6)), TD3)


def acts(expert: Any, x: np.ndarray = X) -> np.ndarray:
    return expert.step(x)[0]


def normalised(x: np.ndarray = X) -> np.ndarray:
    return (x - MEAN) / np.sqrt(VARIANCE + 1e-8)


def test_a_card_says_where_it_is_from(zipped: Path) -> None:
    expert = expert_from_zip(zipped, ENV)
    assert expert.card == {"env": ENV, "algorithm": "TD3", "source": "td3-mine.zip"}
    assert expert.env_id == ENV


def test_statistics_beside_a_zip_are_taken(zipped: Path) -> None:
    plain = expert_from_zip(zipped, ENV)
    saved(zipped.parent / "vecnormalize.pkl", MEAN, VARIANCE)
    expert = load_expert(zipped, ENV)
    np.testing.assert_allclose(acts(expert), acts(plain, normalised()), atol=1e-6)
    assert expert.card["statistics"] == "vecnormalize.pkl"
    unused = load_expert(zipped, ENV, statistics="none")
    np.testing.assert_array_equal(acts(unused), acts(plain))
    assert "statistics" not in unused.card


def test_statistics_that_are_named_come_before_those_beside(zipped: Path, tmp_path: Path) -> None:
    plain = expert_from_zip(zipped, ENV)
    saved(zipped.parent / "vecnormalize.pkl", 0 * MEAN, 9 * VARIANCE)
    given = saved(tmp_path / "given.pkl", MEAN, VARIANCE)
    for name in (given, str(given)):
        expert = load_expert(zipped, ENV, statistics=name)
        np.testing.assert_allclose(acts(expert), acts(plain, normalised()), atol=1e-6)
        assert expert.card["statistics"] == "given.pkl"


def test_statistics_of_rewards_alone_leave_observations(zipped: Path) -> None:
    plain = expert_from_zip(zipped, ENV)
    saved(zipped.parent / "vecnormalize.pkl", MEAN, VARIANCE, norm_obs=False)
    np.testing.assert_array_equal(acts(expert_from_zip(zipped, ENV)), acts(plain))


def test_statistics_of_other_channels_are_told(zipped: Path) -> None:
    saved(zipped.parent / "vecnormalize.pkl", MEAN[:5], VARIANCE[:5])
    with pytest.raises(DataError, match="statistics are of 5 channels and the expert reads 17"):
        expert_from_zip(zipped, ENV)


def test_statistics_belong_to_zips(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").touch()
    with pytest.raises(ArgumentError, match="brings its own statistics: leave --statistics out"):
        load_expert(tmp_path / "a.safetensors", ENV, statistics="none")


def test_a_policy_that_saw_normalised_observations_needs_them(tmp_path: Path) -> None:
    state = named("action_net", torch.nn.Linear(17, 6))
    under = {"_last_original_obs": {":serialized:": "x"}}
    path = save_zip(tmp_path / "a.zip", state, PPO, **under)
    with pytest.raises(DataError, match=r"a\.zip was trained under VecNormalize, whose statistics"):
        expert_from_zip(path, ENV)
    expert_from_zip(path, ENV, "none")
    saved(tmp_path / "vecnormalize.pkl", MEAN, VARIANCE)
    assert expert_from_zip(path, ENV).card["statistics"] == "vecnormalize.pkl"
    expert_from_zip(save_zip(tmp_path / "b.zip", state, PPO, _last_original_obs=None), ENV)


def test_the_mean_of_state_dependent_exploration_is_clipped(tmp_path: Path) -> None:
    hidden = torch.nn.Linear(17, 6)
    hidden.weight.data *= 20
    state = named("actor.latent_pi.0", torch.nn.Linear(17, 17)) | named("actor.mu.0", hidden)
    path = save_zip(tmp_path / "a.zip", state, SAC, use_sde=True)
    actions = acts(expert_from_zip(path, ENV))
    assert np.abs(actions).max() == pytest.approx(np.tanh(2.0))


def pixels(tmp_path: Path, cnn: Any = None, **more: Any) -> Path:
    dense, head = torch.nn.Linear(3136, 512), torch.nn.Linear(512, 4)
    parts = {
        "q_net.features_extractor.cnn": cnn or nature(),
        "q_net.features_extractor.linear.0": dense,
        "q_net.q_net.0": head,
    }
    state = {k: v for prefix, module in parts.items() for k, v in named(prefix, module).items()}
    return save_zip(tmp_path / "a.zip", state, DQN, **more)


def test_pixels_that_are_normalised_in_another_way_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("ale_py")
    expert_from_zip(pixels(tmp_path), "ALE/Breakout-v5")
    other = pixels(tmp_path, policy_kwargs={"normalize_images": False})
    with pytest.raises(DataError, match="normalised other than by 255 are not read"):
        expert_from_zip(other, "ALE/Breakout-v5")
    saved(tmp_path / "vecnormalize.pkl", MEAN, VARIANCE)
    with pytest.raises(DataError, match="normalised other than by 255 are not read"):
        expert_from_zip(pixels(tmp_path), "ALE/Breakout-v5")


def test_another_network_of_pixels_is_refused(tmp_path: Path) -> None:
    cnn = torch.nn.Sequential(torch.nn.Conv2d(4, 32, 8, 4), torch.nn.ReLU())
    with pytest.raises(DataError, match=r"has convolutions \(\(32, 8\),\), and only the Nature"):
        expert_from_zip(pixels(tmp_path, cnn), "ALE/Breakout-v5")


def test_whose_fault_a_file_has_is_told(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "a.zip", named("x", torch.nn.Linear(1, 1)), TD3)
    with pytest.raises(DataError, match=rf"^{path}: the TD3 policy has tensors that are not read"):
        expert_from_zip(path, ENV)
    path = save_zip(tmp_path / "a.zip", named("actor.mu", mlp(17, 6)), "mine.Policy")
    with pytest.raises(DataError, match=rf"^{path}: the policy's class is mine.Policy"):
        expert_from_zip(path, ENV)
    path = save_zip(tmp_path / "a.zip", named("actor.mu", mlp(17, 3)))
    with pytest.raises(EnvironmentMismatchError, match=f"^{path} reads 17 channels and Hopper"):
        expert_from_zip(path, "Hopper-v5")
    (tmp_path / "vecnormalize.pkl").write_bytes(pickle.dumps(1))
    with pytest.raises(DataError, match="vecnormalize.pkl holds no statistics"):
        expert_from_zip(path, ENV)
