"""Gymnasium is the judge: every bit of every step must agree."""

from __future__ import annotations

import copy
from pathlib import Path

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from lrs_lightning.envs import describe, make, mujoco_engine
from lrs_lightning.envs.mujoco_batch import BatchedPhysics
from lrs_lightning.envs.mujoco_loop import LoopedPhysics
from lrs_lightning.errors import ArgumentError

ENV = "HalfCheetah-v5"


def heavier(model: mujoco.MjModel) -> mujoco.MjModel:
    model = copy.copy(model)
    model.body_mass[:] *= 1.5
    model.body_inertia[:] *= 1.5
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


@pytest.mark.parametrize("threads", [1, 3])
def test_every_bit_of_an_episode_agrees(threads):
    ours = make(ENV, 3, threads=threads)
    theirs = [gym.make(ENV) for _ in range(3)]
    observation, _ = ours.reset(seed=11)
    expected = [env.reset(seed=11 + i)[0] for i, env in enumerate(theirs)]
    np.testing.assert_array_equal(observation, expected)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        actions = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        stepped = ours.step(actions)
        wanted = [env.step(action) for env, action in zip(theirs, actions, strict=True)]
        for got, want in zip(stepped[:4], list(zip(*wanted, strict=True))[:4], strict=True):
            np.testing.assert_array_equal(got, want)
    assert stepped[3].all()
    ours.close()


def test_one_environment_is_reset_and_the_others_go_on():
    ours = make(ENV, 3)
    first, _ = ours.reset(seed=[0, 1, 2])
    moved = ours.step(np.ones((3, 6), np.float32))[0]
    again, _ = ours.reset(seed=[0, 9, 9], options={"reset_mask": np.array([True, False, False])})
    np.testing.assert_array_equal(again, np.stack([first[0], moved[1], moved[2]]))


def test_without_a_seed_the_next_episode_is_the_one_gymnasium_would_draw():
    ours, theirs = make(ENV, 1), gym.make(ENV)
    for seed in (5, None, None):
        np.testing.assert_array_equal(ours.reset(seed=[seed])[0][0], theirs.reset(seed=seed)[0])


def test_an_ended_episode_rests_until_it_is_reset():
    ours = make(ENV, 2)
    ours.reset(seed=0)
    ours._elapsed[0] = 999
    ended = ours.step(np.ones((2, 6), np.float32))
    assert ended[3].tolist() == [True, False]
    rested = ours.step(np.ones((2, 6), np.float32))
    np.testing.assert_array_equal(rested[0][0], ended[0][0])
    assert not np.array_equal(rested[0][1], ended[0][1])
    assert rested[1][0] == 0.0
    assert not rested[3].any()


def test_physics_may_change_in_the_middle_of_an_episode():
    base = describe(ENV).base_model
    ours, theirs = make(ENV, 2), gym.make(ENV)
    ours.reset(seed=[4, 4])
    theirs.reset(seed=4)
    action = np.full((2, 6), 0.5, np.float32)
    for t in range(60):
        if t == 20:
            ours.set_models({1: heavier(base)})
            model = theirs.unwrapped.model
            model.body_mass[:] *= 1.5
            model.body_inertia[:] *= 1.5
            mujoco.mj_setConst(model, mujoco.MjData(model))
        np.testing.assert_array_equal(ours.step(action)[0][1], theirs.step(action[1])[0])


def test_a_diverging_simulation_ends_its_own_episode_only():
    ours = make(ENV, 3)
    ours.reset(seed=0)
    ours.step(np.zeros((3, 6), np.float32))
    ours._readings["qvel"][1] = 1e12
    _, _, terminated, _, info = ours.step(np.zeros((3, 6), np.float32))
    assert terminated.tolist() == [False, True, False]
    assert info["_error"].tolist() == [False, True, False]
    assert "unstable" in info["error"][1]


def unknown_integrator() -> mujoco.MjModel:
    model = copy.copy(describe(ENV).base_model)
    model.opt.integrator = 77
    return model


@pytest.mark.parametrize("physics", [BatchedPhysics, LoopedPhysics])
def test_an_environment_that_raises_ends_its_own_episode_only(monkeypatch, physics):
    monkeypatch.setattr(mujoco_engine, "make_physics", physics)
    ours, untouched = make(ENV, 3, threads=2), make(ENV, 3, threads=2)
    seen = ours.reset(seed=0)[0]
    untouched.reset(seed=0)
    ours.set_models({2: unknown_integrator()})
    stepped, reward, terminated, _, info = ours.step(np.zeros((3, 6), np.float32))
    assert terminated.tolist() == [False, False, True]
    assert info["error"][2].startswith("FatalError: ") and "integrator" in info["error"][2]
    wanted = untouched.step(np.zeros((3, 6), np.float32))
    np.testing.assert_array_equal(stepped, [*wanted[0][:2], seen[2]])
    np.testing.assert_array_equal(reward[:2], wanted[1][:2])


def play(env, steps=40):
    """All that comes of some steps, one row reset in between and one with another physics."""
    rng, found = np.random.default_rng(3), [env.reset(seed=5)[0]]
    for t in range(steps):
        if t == 20:
            found.append(env.reset(options={"reset_mask": np.array([False, True, False])})[0])
            env.set_models({2: heavier(env.base_model)})
        found += env.step(rng.uniform(-1, 1, (3, 6)).astype(np.float32))[:4]
    return found


def test_the_loop_finds_the_same_bits_as_the_batch(monkeypatch):
    batched = make(ENV, 3)
    assert isinstance(batched._physics, BatchedPhysics)
    monkeypatch.setattr(mujoco_engine, "make_physics", LoopedPhysics)
    looped = make(ENV, 3)
    for got, want in zip(play(batched), play(looped), strict=True):
        np.testing.assert_array_equal(got, want)


def with_another_ball() -> mujoco.MjModel:
    model = Path(gym.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    spec = mujoco.MjSpec.from_file(str(model))
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0], pos=[9, 0, 9])
    return spec.compile()


@pytest.mark.filterwarnings("ignore:.*settotalmass")  # Gymnasium's own model
@pytest.mark.parametrize(
    ("physics", "sizes_tell"),
    [(BatchedPhysics, True), (LoopedPhysics, True), (BatchedPhysics, False)],
)
def test_a_model_of_another_layout_changes_nothing(monkeypatch, physics, sizes_tell):
    monkeypatch.setattr(mujoco_engine, "make_physics", physics)
    ours, untouched = make(ENV, 2), make(ENV, 2)
    for env in (ours, untouched):
        env.reset(seed=0)
    if not sizes_tell:
        monkeypatch.setattr(mujoco_engine, "_sizes", lambda model: ())
    with pytest.raises(ArgumentError, match="another layout") as caught:
        ours.set_models({1: with_another_ball()})
    assert "\n" not in str(caught.value)
    actions = np.ones((2, 6), np.float32)
    np.testing.assert_array_equal(ours.step(actions)[0], untouched.step(actions)[0])


def test_functions_of_python_are_called():
    """MuJoCo's batch calls none."""
    called = []
    mujoco.set_mjcb_control(lambda model, data: called.append(1))
    try:
        ours = make(ENV, 1)
        ours.reset(seed=0)
        ours.step(np.zeros((1, 6), np.float32))
    finally:
        mujoco.set_mjcb_control(None)
    assert called and isinstance(ours._physics, LoopedPhysics)


def timed() -> float:
    model = describe(ENV).base_model
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data)
    return float(data.timer[mujoco.mjtTimer.mjTIMER_STEP].duration)


def test_no_clock_is_read_unless_somebody_wants_it():
    make(ENV, 1)
    assert timed() == 0
    mujoco.set_mjcb_time(None)  # MuJoCo's own again
    assert timed() > 0
    mujoco.set_mjcb_time(lambda: 1.0)
    try:
        make(ENV, 1)
        assert mujoco.get_mjcb_time() is not None
    finally:
        mujoco.set_mjcb_time(None)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: make(ENV, 2, models=[describe(ENV).base_model]), "1 models for 2 environments"),
        (lambda: make(ENV, 1, models=[describe("Hopper-v5").base_model]), "another layout"),
        (lambda: make(ENV, 0), "at least 1"),
        (lambda: make(ENV, 2).reset(seed=[1]), "1 seeds for 2 environments"),
        (lambda: make(ENV, 2).step(np.zeros((2, 5), np.float32)), r"expected shape \(2, 6\)"),
        (lambda: make("HalfCheta-v5", 1), "did you mean 'HalfCheetah-v"),
        (lambda: make("CartPole-v1", 1, models=[None]), "does not map names to numbers"),
    ],
)
def test_bad_input_gets_one_sentence(build, sentence):
    with pytest.raises(ArgumentError, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)
