"""An episode is a function of weights, condition and seed, not of who is played beside it."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_kernels.native.linear import has_rowwise_linear
from lrs_lightning.envs import describe
from lrs_lightning.experts import load_expert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.q_network import build_q_network
from lrs_lightning.nn import CORES, ENCODERS, PolicyConfig, build_policy
from lrs_lightning.rollout import RandomPolicy, TorchPolicy, rollout
from lrs_lightning.rollout.torch_policy import torch_threads

HOPPER = describe("Hopper-v5")
FRAMES = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
STATE_POLICIES = {
    "cfc": CORES["cfc"](rank=4, hidden_size=24),
    "two layers": CORES["lstm"](rank=4, hidden_size=12, num_layers=2),
    "gru": CORES["gru"](rank=3, hidden_size=17),
    "dense": CORES["rnn"](rank=None, hidden_size=24),
    "mlp": CORES["mlp"](),
}


def torch_policy(kind):
    torch.manual_seed(1)
    spaces = HOPPER.observation_space, HOPPER.action_space
    return TorchPolicy(build_policy(PolicyConfig(core=STATE_POLICIES[kind]), *spaces).eval())


def outcomes(policies, seeds, **options):
    played = rollout(policies, "Hopper-v5", ["clean", "mass@3"], seeds, **options)
    return {(e.policy, e.shift, e.seed): (e.return_, e.length, e.outcome) for e in played}


@pytest.mark.parametrize("kind", STATE_POLICIES)
def test_an_episode_is_the_same_alone_among_others_in_another_order_and_after_a_restart(kind):
    policy, other = torch_policy(kind), RandomPolicy(HOPPER.action_space)
    among = outcomes({"other": other, "p": policy}, range(7), threads=2)
    alone = outcomes({"p": policy}, [3], num_envs=1)
    reordered = outcomes({"p": policy}, range(6, -1, -1), num_envs=5)
    done = [("p", shift, severity, k) for k in (0, 2, 4) for shift, severity in (("clean", 0),)]
    with torch_threads(2):
        resumed = outcomes({"p": policy}, range(7), done=done)
    assert len(reordered) == 14 and len(resumed) == 11
    for found in (alone, reordered, resumed):
        assert found == {key: among[key] for key in found}


@pytest.mark.parametrize("count", [1, 2, 5, 17, 64, 181])
def test_and_what_an_expert_does(count):
    expert = load_expert("shipped", "HalfCheetah-v5")
    draw = np.random.default_rng(count)
    seen = 3 * draw.normal(size=(200, 17))
    actions, order = expert.step(seen)[0], draw.permutation(200)[:count]
    assert expert.rows_apart == has_rowwise_linear()
    if expert.rows_apart:
        np.testing.assert_array_equal(expert.step(seen[order])[0], actions[order])


@pytest.mark.parametrize("kind", ["student", "expert"])
@pytest.mark.parametrize("threads", [1, 2])
def test_and_pictures_whose_calls_are_filled_up(kind, threads):
    torch.manual_seed(0)
    if kind == "expert":
        policy = PixelExpert(build_q_network("small", 6), gym.spaces.Discrete(6))
        logits = policy.module
    else:
        config = PolicyConfig(ENCODERS["small"](), CORES["cfc"](hidden_size=8, rank=2))
        logits = build_policy(config, FRAMES, gym.spaces.Discrete(6)).eval()
        policy = TorchPolicy(logits)
    assert not policy.rows_apart
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, *FRAMES.shape), "u1"))

    def numbers(block):
        with torch.inference_mode():
            return (logits(block) if kind == "expert" else logits.step(block)[0]).clone()

    with torch_threads(1):
        whole = numbers(frames)
    for count in (1, 3, 5):
        block = torch.zeros_like(frames)
        block[:count] = frames.flip(0)[:count]
        with torch_threads(threads):
            assert torch.equal(numbers(block)[:count], whole.flip(0)[:count])


def test_who_says_that_rows_are_apart_is_called_once_for_all():
    sizes = []
    policy = torch_policy("cfc")
    policy.module.encoder.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    outcomes({"p": policy}, range(3), num_envs=5)
    assert policy.rows_apart == has_rowwise_linear()
    assert set(sizes) == {5 if has_rowwise_linear() else 64}


def test_a_part_of_which_nothing_is_known_is_called_in_blocks():
    policy = torch_policy("cfc")
    policy.module.head.dense = torch.nn.Linear(24, 3)
    assert not policy.rows_apart
    among, alone = (outcomes({"p": policy}, seeds) for seeds in (range(5), [2]))
    assert alone == {key: among[key] for key in alone}


def test_a_random_policy_differs_between_seeds_that_begin_alike():
    class Still(gym.Env):
        observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(2, np.float32), {}

        def step(self, action):
            return np.zeros(2, np.float32), float(action[0]), False, False, {}

    gym.register("Still-v0", Still, max_episode_steps=3)
    policies = {"r": RandomPolicy(Still.action_space)}

    def returns(count):
        played = rollout(policies, "Still-v0", ["clean"], range(count))
        return {episode.seed: episode.return_ for episode in played}

    assert len(set(returns(5).values())) == 5
    assert returns(2).items() <= returns(5).items()
