"""A window equals its steps, for every cell and control; a checkpoint is complete."""

from __future__ import annotations

import copy
import io
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.nn import CONTROLS, CORES, PolicyConfig, build_policy, controls, cores, encoders

OBSERVATION = gym.spaces.Box(-np.inf, np.inf, (5,))
ACTION = gym.spaces.Box(np.array([-1, -3], np.float32), np.array([1, 5], np.float32))

CONFIGS = [
    *(PolicyConfig(core=core()) for core in CORES.classes()),
    *(
        PolicyConfig(core=CORES[cell](control=control()))
        for cell in ("cfc", "lstm", "gru", "rnn")
        for control in CONTROLS.classes()
    ),
    *(PolicyConfig(core=cores.CfC(mode=mode)) for mode in ("default", "no_gate", "pure")),
    *(PolicyConfig(core=cores.CfC(gate=gate)) for gate in ("frozen", "removed")),
    *(PolicyConfig(core=CORES[cell](num_layers=2, dropout=0.1)) for cell in ("cfc", "lstm")),
    PolicyConfig(
        encoders.Vector(channels=[0, 3]), cores.CfC(share_mask=True, factor_full_rank=True)
    ),
]


def name(config):
    default = PolicyConfig(core=type(config.core)()).describe()
    words = [f"{k}={v}" for k, v in config.describe().items() if v != default[k]]
    return ",".join([config.core.name, *words])


def make(config=None, action_space=ACTION):
    config = PolicyConfig() if config is None else config
    sizes = {"hidden_size": 12} | ({"rank": 3} if hasattr(config.core, "rank") else {})
    encoder, core = replace(config.encoder, features=7), replace(config.core, **sizes)
    policy = build_policy(PolicyConfig(encoder, core, 0), OBSERVATION, action_space).double().eval()
    policy.encoder.set_statistics([1.0, -2.0, 0.0, 3.0, 0.5], [1.0, 2.0, 0.5, 3.0, 1.0])
    return policy


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_a_window_equals_its_steps(config):
    policy = make(config)
    observations = torch.randn(3, 9, 5, dtype=torch.float64)
    resets = torch.rand(3, 9) < 0.3
    resets[0, 0] = True
    state = policy.initial_state(3)
    if isinstance(state, torch.Tensor):
        state = torch.randn_like(state)
    else:
        state = tuple(torch.randn_like(part) for part in state)
    window, last = policy.unroll(observations, state, resets=resets)
    for t in range(9):
        out, state = policy.step(observations[:, t], state, resets=resets[:, t])
        torch.testing.assert_close(out, window[:, t], rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("core", list(CORES))
def test_a_reset_forgets_and_nothing_else_does(core):
    policy = make(PolicyConfig(core=CORES[core]()))
    observations = torch.randn(2, 8, 5, dtype=torch.float64)
    resets = torch.zeros(2, 8, dtype=torch.bool)
    resets[0, 5] = True
    cut, _ = policy.unroll(observations, resets=resets)
    whole, _ = policy.unroll(observations)
    fresh, _ = policy.unroll(observations[:, 5:])
    torch.testing.assert_close(cut[0, 5:], fresh[0], rtol=0, atol=1e-13)
    torch.testing.assert_close(cut[1], whole[1], rtol=0, atol=1e-13)
    remembers = not torch.allclose(whole[0, 5:], fresh[0])
    assert remembers == (core != "mlp")


def test_frame_stack_sees_exactly_the_last_frames():
    policy = make(PolicyConfig(core=cores.Stack(frames=3)))
    observations = torch.randn(1, 8, 5, dtype=torch.float64)
    base, _ = policy.unroll(observations)
    changed = observations.clone()
    changed[0, 2] += 1
    other, _ = policy.unroll(changed)
    moved = ((base - other).abs().amax(-1)[0] > 0).tolist()
    assert moved == [False, False, True, True, True, False, False, False]


def test_actions_keep_to_their_bounds_and_logits_have_none():
    policy = make(PolicyConfig())
    out, _ = policy.unroll(100 * torch.randn(4, 6, 5, dtype=torch.float64))
    low, high = torch.tensor(ACTION.low), torch.tensor(ACTION.high)
    assert (out >= low).all() and (out <= high).all()
    assert torch.equal(policy.decide(out), out)
    discrete = make(PolicyConfig(), gym.spaces.Discrete(4, start=2))
    logits, _ = discrete.unroll(torch.randn(4, 6, 5, dtype=torch.float64))
    assert logits.shape == (4, 6, 4)
    assert torch.equal(discrete.decide(logits), logits.argmax(-1) + 2)


def test_hidden_channels_cannot_matter():
    policy = make(PolicyConfig(encoders.Vector(channels=[0, 3])))
    observations = torch.randn(2, 6, 5, dtype=torch.float64)
    changed = observations.clone()
    changed[..., [1, 2, 4]] = 1e3
    a, b = policy.unroll(observations)[0], policy.unroll(changed)[0]
    assert torch.equal(a, b)


def test_normalisation_is_part_of_the_checkpoint():
    config = PolicyConfig(core=cores.CfC(sparsity=0.3, mask_seed=4))
    policy = make(config)
    buffer = io.BytesIO()
    torch.save(policy.state_dict(), buffer)
    buffer.seek(0)
    other = make(PolicyConfig(core=replace(config.core, mask_seed=9)))
    other.load_state_dict(torch.load(buffer, weights_only=True))
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    assert torch.equal(policy.unroll(x)[0], other.unroll(x)[0])
    assert policy.encoder.mean.tolist() == [1.0, -2.0, 0.0, 3.0, 0.5]


def test_seeds_are_separate():
    def weights(init_seed, mask_seed=0):
        config = PolicyConfig(core=cores.CfC(mask_seed=mask_seed), init_seed=init_seed)
        policy = build_policy(config, OBSERVATION, ACTION)
        return policy.core.weight_hh_w1_l0, policy.core.mask()

    state = torch.get_rng_state()
    (w, m), (w_same, m_other) = weights(init_seed=1), weights(init_seed=1, mask_seed=1)
    assert torch.equal(
        torch.get_rng_state(), state
    )  # a seed of its own leaves the global one alone
    assert torch.equal(w, w_same) and not torch.equal(m, m_other)
    w_other, m_same = weights(init_seed=2)
    assert not torch.equal(w, w_other) and torch.equal(m, m_same)


def test_observations_are_centred_and_divided_by_the_deviation():
    mean, std = np.array([1.0, -2.0, 0.0, 3.0, 0.5]), np.array([1.0, 2.0, 0.5, 3.0, 1.0])
    policy = make()
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    raw = x * torch.from_numpy(std) + torch.from_numpy(mean)
    plain = make()
    plain.encoder.set_statistics(np.zeros(5), np.ones(5))
    torch.testing.assert_close(policy.unroll(raw)[0], plain.unroll(x)[0], rtol=0, atol=1e-12)
    dense = policy.encoder.dense
    expected = torch.relu(x @ dense.weight.T + dense.bias)
    torch.testing.assert_close(policy.encoder(raw), expected, rtol=0, atol=1e-12)


def test_a_constant_channel_is_only_centred():
    policy = make(PolicyConfig())
    policy.encoder.set_statistics(np.full(5, 2.0), np.zeros(5))
    out, _ = policy.unroll(torch.full((1, 3, 5), 2.5, dtype=torch.float64))
    assert out.isfinite().all()


def test_config_survives_plain_values_and_copies():
    config = PolicyConfig(encoders.Vector(channels=[1, 2]), cores.LSTM())
    policy = build_policy(config.to_dict(), OBSERVATION, ACTION)
    assert policy.config == config
    twin = copy.deepcopy(policy)
    x = torch.randn(1, 3, 5)
    assert torch.equal(policy.unroll(x)[0], twin.unroll(x)[0])


@pytest.mark.parametrize(
    ("make_config", "message"),
    [
        (lambda: cores.CfC(rank=65), "rank is 65: give a whole number from 1 to 64"),
        (lambda: cores.CfC(sparsity=1), "sparsity is 1"),
        (lambda: cores.CfC(hidden_size=0), "hidden_size is 0"),
        (lambda: cores.CfC(mode="papr"), "unknown CfC mode 'papr': did you mean 'paper'"),
        (lambda: cores.CfC(gate="frozen", mode="pure"), "mode 'pure'"),
        (lambda: cores.RNN(nonlinearity="relo"), "did you mean 'relu'"),
        (lambda: cores.GRU(control=controls.Pruned(), sparsity=0.0), "give the fraction to prune"),
        (lambda: cores.GRU(control=controls.Truncated(), rank=None), "give the rank to cut to"),
        (lambda: cores.GRU(control=controls.Rescaled(), init="uniform"), "closed form"),
        (lambda: PolicyConfig(init_seed=-3), "init_seed is -3"),
    ],
)
def test_bad_configuration_is_named(make_config, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        make_config()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "observation", "action", "message"),
    [
        (
            {"channels": [0, 9]},
            OBSERVATION,
            ACTION,
            r"channels is \[0, 9\]: give different numbers",
        ),
        ({"channels": []}, OBSERVATION, ACTION, r"channels is \[\]"),
        ({}, gym.spaces.Box(0, 255, (84, 84, 4), np.uint8), ACTION, "choose a convolutional"),
        ({}, OBSERVATION, gym.spaces.MultiBinary(3), "give a Box or a Discrete"),
        ({}, OBSERVATION, gym.spaces.Box(-1, np.inf, (2,)), "bounded in part"),
    ],
)
def test_spaces_that_do_not_fit_are_named(options, observation, action, message):
    with pytest.raises(ArgumentError, match=message):
        build_policy(PolicyConfig(encoders.Vector(**options)), observation, action)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.step(torch.zeros(5)), r"have shape \(5,\): expected \(N,\) and then .*\(5,\)"),
        (lambda p: p.step(torch.zeros(2, 3, 5)), r"expected \(N,\) and then"),
        (lambda p: p.unroll(torch.zeros(3, 5)), r"have shape \(3, 5\): expected \(B, T\)"),
        (
            lambda p: p.unroll(torch.zeros(2, 3, 5), resets=torch.zeros(3, 2)),
            r"resets has shape \(3, 2\), expected \(2, 3\), that is \(B, T\)",
        ),
        (
            lambda p: p.step(torch.zeros(2, 5), timespans=torch.ones(3)),
            r"timespans has shape \(3,\), expected \(2,\), that is \(N,\)",
        ),
    ],
)
def test_shapes_are_named_in_the_letters_of_the_caller(call, message):
    with pytest.raises(ArgumentError, match=message):
        call(make())


def test_observations_of_another_task_are_named():
    with pytest.raises(EnvironmentMismatchError, match=r"made for observations of shape \(5,\)"):
        make(PolicyConfig()).unroll(torch.zeros(2, 3, 4))
    with pytest.raises(ArgumentError, match=r"std has shape \(4,\), expected \(5,\)"):
        make(PolicyConfig()).encoder.set_statistics(np.zeros(5), np.ones(4))


@pytest.mark.parametrize("core", list(CORES))
def test_a_fresh_state_is_zero_and_of_the_weights_kind(core):
    policy = make(PolicyConfig(core=CORES[core]())).double()
    state = policy.initial_state(3)
    parts = state if isinstance(state, tuple) else (state,)
    assert len(parts) == (2 if core == "lstm" else 1)
    for part in parts:
        assert part.shape[:2] == (1, 3) and part.dtype == torch.float64 and not part.any()
    assert policy.knows_time is (core == "cfc")
