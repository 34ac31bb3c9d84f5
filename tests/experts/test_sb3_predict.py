"""Experts read from zips act as Stable-Baselines3's own `predict`, or are refused in one sentence.

Runs where Stable-Baselines3 and sb3-contrib are installed.
"""

from __future__ import annotations

import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from lrs_lightning.errors import DataError
from lrs_lightning.experts import load_expert

sb3 = pytest.importorskip("stable_baselines3")
contrib = pytest.importorskip("sb3_contrib")
pytestmark = pytest.mark.filterwarnings("ignore")

from stable_baselines3.common.torch_layers import FlattenExtractor  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize  # noqa: E402

ON_POLICY = {"PPO": sb3.PPO, "A2C": sb3.A2C, "TRPO": contrib.TRPO}
OFF_POLICY = {"SAC": sb3.SAC, "TD3": sb3.TD3, "DDPG": sb3.DDPG, "TQC": contrib.TQC}
VALUES = {"DQN": sb3.DQN, "QRDQN": contrib.QRDQN}
READ = (nn.ReLU, nn.Tanh, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Identity)
REFUSED = (nn.GELU, nn.Mish)


class Box(gym.Env):
    """Observations and actions of any box; nothing happens."""

    def __init__(self, low=(-1.0, -0.5), high=(2.0, 3.0), observation=(3,), discrete=0):
        self.observation_space = gym.spaces.Box(-10, 10, observation, np.float64)
        low, high = np.array(low, np.float32), np.array(high, np.float32)
        self.action_space = gym.spaces.Discrete(discrete) if discrete else gym.spaces.Box(low, high)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._next(), {}

    def step(self, action):
        return self._next(), 0.0, False, False, {}

    def _next(self):
        return self.np_random.normal(1, 3, self.observation_space.shape)


SPACES = {
    "asymmetric": {},
    "flat of one": {"low": [0.0], "high": [5.0]},
    "a matrix of actions": {"low": [[-1, 0], [-3, 1]], "high": [[1, 2], [3, 2]]},
    "a matrix of observations": {"observation": (2, 3)},
}
for name, options in SPACES.items():
    gym.register(f"Test/{name.replace(' ', '-')}-v0", partial(Box, **options))
gym.register("Test/discrete-v0", partial(Box, discrete=4))


def saved(algorithm, env, path, policy="MlpPolicy", **options):
    """A model with weights large enough that its actions differ, and its zip."""
    model = enlarged(algorithm(policy, env, device="cpu", seed=0, **options))
    model.save(path)
    return model


def enlarged(model):
    for parameter in model.policy.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def compare(model, expert, env, normalise=lambda x: x):
    rng = np.random.default_rng(0)
    shape = env.observation_space.shape
    x = rng.normal(1, 3, (200, *shape))
    wanted, _ = model.predict(normalise(x), deterministic=True)
    found, _ = expert.step(x)
    if isinstance(env.action_space, gym.spaces.Discrete):
        np.testing.assert_array_equal(found, wanted)
    else:
        # An environment takes its actions as a vector, whatever shape its own have.
        np.testing.assert_allclose(found, wanted.reshape(len(x), -1), rtol=0, atol=2e-5)
        assert np.ptp(wanted, axis=0).min() > 1e-3  # an expert that does nothing proves nothing


def small(**options):
    return {"policy_kwargs": {"net_arch": [16, 16], **options}}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", [*ON_POLICY, *OFF_POLICY])
def test_every_algorithm_on_every_box(tmp_path, name, space):
    env_id = f"Test/{space.replace(' ', '-')}-v0"
    algorithm = (ON_POLICY | OFF_POLICY)[name]
    model = saved(algorithm, env_id, tmp_path / "a.zip", **small())
    expert = load_expert(tmp_path / "a.zip", env_id)
    compare(model, expert, gym.make(env_id))
    assert expert.card["algorithm"] == {"DDPG": "TD3"}.get(name, name)


@pytest.mark.parametrize("act", READ, ids=lambda act: act.__name__)
@pytest.mark.parametrize("name", [*ON_POLICY, *OFF_POLICY, *VALUES])
def test_every_activation_of_every_algorithm(tmp_path, name, act):
    algorithm = (ON_POLICY | OFF_POLICY | VALUES)[name]
    env_id = "Test/discrete-v0" if name in VALUES else "Test/asymmetric-v0"
    model = saved(algorithm, env_id, tmp_path / "a.zip", **small(activation_fn=act))
    compare(model, load_expert(tmp_path / "a.zip", env_id), gym.make(env_id))


@pytest.mark.parametrize("act", REFUSED, ids=lambda act: act.__name__)
@pytest.mark.parametrize("name", [*ON_POLICY, *OFF_POLICY, *VALUES])
def test_other_activations_are_refused(tmp_path, name, act):
    algorithm = (ON_POLICY | OFF_POLICY | VALUES)[name]
    env_id = "Test/discrete-v0" if name in VALUES else "Test/asymmetric-v0"
    saved(algorithm, env_id, tmp_path / "a.zip", **small(activation_fn=act))
    with pytest.raises(DataError, match=f"activation is '{act.__name__.lower()}'"):
        load_expert(tmp_path / "a.zip", env_id)


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        (sb3.PPO, {"use_sde": True}),
        (sb3.PPO, {"use_sde": True, **small(squash_output=True)}),
        (sb3.A2C, {"use_sde": True, **small(squash_output=True, full_std=False)}),
        (sb3.SAC, {"use_sde": True}),
        (sb3.SAC, {"use_sde": True, **small(clip_mean=0.3)}),
        (sb3.SAC, {"use_sde": True, **small(clip_mean=0.0)}),
        (contrib.TQC, {"use_sde": True}),
        (sb3.PPO, small(ortho_init=False, log_std_init=-2.0)),
        (sb3.PPO, {"policy_kwargs": {"net_arch": {"pi": [8], "vf": [4, 4]}}}),
        (sb3.PPO, {"policy_kwargs": {"net_arch": []}}),
        (sb3.SAC, {"policy_kwargs": {"net_arch": []}}),
        (sb3.TD3, {"policy_kwargs": {"net_arch": []}}),
        (sb3.PPO, small(share_features_extractor=False)),
        (sb3.SAC, small(n_critics=3, share_features_extractor=True)),
        (sb3.PPO, small(features_extractor_class=FlattenExtractor, normalize_images=False)),
    ],
)
def test_options_that_do_and_do_not_change_the_action(tmp_path, algorithm, options):
    env_id = "Test/asymmetric-v0"
    model = saved(algorithm, env_id, tmp_path / "a.zip", **options)
    compare(model, load_expert(tmp_path / "a.zip", env_id), gym.make(env_id))


class Tripled(FlattenExtractor):
    """As wide as the usual one, without a tensor of its own."""

    def forward(self, observations):
        return 3 * super().forward(observations)


@pytest.mark.parametrize("algorithm", [sb3.PPO, sb3.SAC, sb3.TD3, contrib.TQC])
def test_a_features_extractor_of_ones_own_is_refused(tmp_path, algorithm):
    saved(
        algorithm,
        "Test/asymmetric-v0",
        tmp_path / "a.zip",
        **small(features_extractor_class=Tripled),
    )
    with pytest.raises(DataError, match="features extractor of its author's own"):
        load_expert(tmp_path / "a.zip", "Test/asymmetric-v0")


class OwnPolicy(sb3.ppo.MlpPolicy):
    """A class that may do anything."""


def test_a_policy_class_of_ones_own_is_refused(tmp_path):
    model = sb3.PPO(OwnPolicy, "Test/asymmetric-v0", device="cpu")
    model.save(tmp_path / "a.zip")
    with pytest.raises(DataError, match="the policy's class is"):
        load_expert(tmp_path / "a.zip", "Test/asymmetric-v0")


@pytest.mark.parametrize("algorithm", [contrib.CrossQ, contrib.ARS, contrib.RecurrentPPO])
def test_other_algorithms_are_refused(tmp_path, algorithm):
    policy = "MlpLstmPolicy" if algorithm is contrib.RecurrentPPO else "MlpPolicy"
    algorithm(policy, "Test/asymmetric-v0", device="cpu").save(tmp_path / "a.zip")
    with pytest.raises(DataError, match="the policy's class is"):
        load_expert(tmp_path / "a.zip", "Test/asymmetric-v0")


@pytest.mark.parametrize("algorithm", [sb3.PPO, sb3.SAC])
def test_vec_normalize_is_found_beside_or_named_or_missed(tmp_path, algorithm):
    env_id = "Test/asymmetric-v0"
    env = VecNormalize(DummyVecEnv([partial(gym.make, env_id)]), clip_obs=1.5)
    short = {"n_steps": 64, "batch_size": 64} if algorithm is sb3.PPO else {"learning_starts": 500}
    model = algorithm("MlpPolicy", env, device="cpu", seed=0, **small(), **short)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        enlarged(model.learn(128)).save(tmp_path / "a.zip")
    env.save(str(tmp_path / "elsewhere.pkl"))
    if algorithm is sb3.PPO:  # an off-policy zip does not tell
        with pytest.raises(DataError, match="trained under VecNormalize, .*--statistics"):
            load_expert(tmp_path / "a.zip", env_id)
    named = load_expert(tmp_path / "a.zip", env_id, statistics=tmp_path / "elsewhere.pkl")
    compare(model, named, gym.make(env_id), env.normalize_obs)
    env.save(str(tmp_path / "vec_normalize.pkl"))
    beside = load_expert(tmp_path / "a.zip", env_id)
    assert beside.card["statistics"] == "vec_normalize.pkl"
    compare(model, beside, gym.make(env_id), env.normalize_obs)
    compare(model, load_expert(tmp_path / "a.zip", env_id, statistics="none"), gym.make(env_id))
