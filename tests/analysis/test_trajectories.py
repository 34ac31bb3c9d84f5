"""Own and common play, shifts laid over recorded play, and gates that read clean sensors."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.analysis.counterfactual import CleanGatePolicy
from lrs_lightning.analysis.trajectories import (
    Trajectories,
    common,
    play,
    reread,
    shifts_sensors_alone,
)
from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, DataError, UnknownNameError
from lrs_lightning.evaluation.identity import fingerprint
from lrs_lightning.nn import build_policy
from lrs_lightning.rollout import TorchPolicy, rollout
from lrs_lightning.shifts import ShiftContext

ENV, SEEDS = "HalfCheetah-v5", [3, 4]
CONTEXT = ShiftContext(observation_mean=np.zeros(17), observation_std=np.ones(17))


def student(cell="cfc", **options):
    info = describe(ENV)
    prior = {} if cell == "mlp" else {"rank": 3}
    config = {"core": {"name": cell, "hidden_size": 8, **prior, **options}, "init_seed": 0}
    return build_policy(config, info.observation_space, info.action_space)


@pytest.fixture(scope="module")
def played():
    return play(TorchPolicy(student()), ENV, "own", "clean", SEEDS, CONTEXT, steps=40)


def test_play_keeps_what_was_seen_in_order_of_the_seeds(played):
    assert [o.shape for o in played.observations] == [(40, 17)] * 2
    assert played.steps == 80 and len(played.returns) == 2
    again = play(TorchPolicy(student()), ENV, "own", "clean", SEEDS[1:], CONTEXT, steps=40)
    np.testing.assert_array_equal(again.observations[0][0], played.observations[1][0])


def test_a_shift_laid_over_recorded_play_is_the_shift_of_the_rollout(played):
    shifted = reread(played, ENV, "sensor_noise@2", CONTEXT)
    there = play(TorchPolicy(student()), ENV, "own", "sensor_noise@2", SEEDS, CONTEXT, steps=1)
    for n in range(2):
        # The first step comes before any action: the same state, the same noise.
        np.testing.assert_allclose(shifted.observations[n][0], there.observations[n][0], rtol=1e-6)
        assert np.abs(shifted.observations[n] - played.observations[n]).min() > 0
    assert shifted.condition == "sensor_noise@2"
    with pytest.raises(DataError, match="cannot be shifted once more"):
        reread(shifted, ENV, "sensor_noise@2", CONTEXT)


def test_delays_are_laid_over_step_by_step(played):
    shifted = reread(played, ENV, "sensor_delay@1", CONTEXT)
    now, then = shifted.observations[0][20], played.observations[0]
    late = [k for k in range(1, 6) if np.array_equal(now, then[20 - k])]
    assert len(late) == 1


def test_a_common_trajectory_keeps_its_states_or_is_played_anew(played):
    policy = TorchPolicy(student())
    assert shifts_sensors_alone(ENV, "sensor_noise@2", CONTEXT)
    assert not shifts_sensors_alone(ENV, "mass@2", CONTEXT)
    assert not shifts_sensors_alone(ENV, "mass@2+sensor_noise@1", CONTEXT)
    heavy = common(policy, ENV, "mass@2", played, CONTEXT, steps=40)
    assert heavy.kind == "common" and heavy.condition == "mass@2"
    np.testing.assert_allclose(heavy.observations[0][0], played.observations[0][0], atol=1e-5)
    assert np.abs(heavy.observations[0][30] - played.observations[0][30]).max() > 1e-3


def returns(policy, condition):
    short = {"max_episode_steps": 12}
    episodes = rollout({"p": policy}, ENV, [condition], [5], CONTEXT, record=True, env_kwargs=short)
    return next(iter(episodes)).trajectory


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_no_gate_reads_clean_is_the_policy_itself(cell):
    own = student(cell)
    played = returns(CleanGatePolicy(own, []), "sensor_noise@2")
    expected = returns(TorchPolicy(own), "sensor_noise@2")
    np.testing.assert_allclose(played.actions[:10], expected.actions[:10], atol=1e-4)


def test_all_gates_read_clean_is_clean_sight():
    own = student()
    policy = CleanGatePolicy(own, ["G", "H", "F"])
    shifted, clean = returns(policy, "sensor_noise@2"), returns(TorchPolicy(own), "clean")
    np.testing.assert_allclose(shifted.actions[:10], clean.actions[:10], atol=1e-4)
    assert np.abs(shifted.observations[:10] - clean.observations[:10]).max() > 0.01


def test_one_gate_reads_clean_and_the_others_do_not():
    own = student()
    plain = returns(TorchPolicy(own), "sensor_noise@2").actions[0]
    calm = returns(TorchPolicy(own), "clean").actions[0]
    mixed = returns(CleanGatePolicy(own, ["F"]), "sensor_noise@2").actions[0]
    assert np.abs(mixed - plain).max() > 1e-4 and np.abs(mixed - calm).max() > 1e-4


def test_counterfactuals_of_one_policy_are_told_apart():
    own = student()
    marks = {fingerprint(CleanGatePolicy(own, gates)) for gates in ([], ["F"], ["G"])}
    assert len(marks) == 3


def test_what_a_counterfactual_cannot_do():
    with pytest.raises(UnknownNameError, match="unknown gate 'z'"):
        CleanGatePolicy(student(), ["z"])
    with pytest.raises(ArgumentError, match="FeedForward has no recurrent state"):
        CleanGatePolicy(student("mlp"), [])
    policy = CleanGatePolicy(student(), ["F"])
    with pytest.raises(ArgumentError, match="not shown the clean observations"):
        policy.step(np.zeros((1, 17), np.float32), policy.initial_state(1), np.ones(1, bool))


def test_shifts_of_pixels_are_laid_over_stacks_of_frames():
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (13, 84, 84), dtype=np.uint8)
    stacks = np.stack([frames[t : t + 4] for t in range(10)])
    clean = Trajectories("common", "clean", [stacks, stacks[:6]], [1.0, 1.0], [3, 4])
    shifted = reread(clean, "ALE/Seaquest-v5", "gaussian_noise@2")
    assert [o.shape for o in shifted.observations] == [(10, 4, 84, 84), (6, 4, 84, 84)]
    assert shifted.observations[0].dtype == np.uint8
    later, now = shifted.observations[0][5], shifted.observations[0][4]
    np.testing.assert_array_equal(later[:3], now[1:])  # each frame keeps the noise it came with
    assert (later != stacks[5]).mean() > 0.5
