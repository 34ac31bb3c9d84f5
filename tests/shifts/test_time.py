"""Every shift in time, against a loop that anyone can read: before, during and after it rises."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld, make, shift_types

STEPS, ROWS = 40, 3
SCHEDULES = ["onset=8", "onset=8,ramp=9", "ramp=20", "onset=3,period=10,duty=0.4", "period=7"]
TYPES = shift_types()
FADING = [n for n, t in TYPES.items() if t.domain in ("frames", "sensors") and t.fades]
WIDE = gym.spaces.Box(np.full(2, -100, np.float32), np.full(2, 300, np.float32))


def levels(schedule: str) -> np.ndarray:
    """The level at each step, step by step and from the words of the documentation."""
    given = {"onset": 0.0, "ramp": 0.0, "period": 0.0, "duty": 0.5}
    given |= {k: float(v) for k, v in (pair.split("=") for pair in schedule.split(","))}
    found = []
    for t in range(STEPS):
        since = t - given["onset"]
        if since < 0 or (
            given["period"] and since % given["period"] >= given["duty"] * given["period"]
        ):
            found.append(0.0)
        elif since >= given["ramp"]:
            found.append(1.0)
        else:
            found.append((since + 1) / (given["ramp"] + 1))
    return np.array(found)


def act(text: str, context: ShiftContext, wanted: np.ndarray) -> np.ndarray:
    """What is executed of `wanted (T, N, ...)`."""
    world, slots = ShiftedWorld(Condition(text), context, ROWS), np.arange(ROWS)
    world.begin(slots, [7, 8, 9], [0, 1, 2])
    times = [np.full(ROWS, t, np.int64) for t in range(STEPS)]
    return np.stack([world.act(wanted[t], slots, times[t]) for t in range(STEPS)])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", FADING)
def test_what_fades_is_the_mean_of_clean_and_shifted(name, schedule, worlds):
    frames = TYPES[name].domain == "frames"
    context = worlds.frames(12, 16) if frames else worlds.sensors()
    shown = worlds.inputs(context, ROWS, STEPS)
    whole = worlds.observe(f"{name}@4", context, shown).astype(float)
    seen = worlds.observe(f"{name}[{schedule}]@4", context, shown)
    level = levels(schedule).reshape(-1, *(1,) * (shown.ndim - 1))
    expected = shown + level * (whole - shown)
    if frames:  # rounded to bytes before and after the mean, and clipped only once
        inside = (whole > 0) & (whole < 255)
        assert np.abs(seen - expected)[inside].max() <= 1
    else:
        np.testing.assert_allclose(seen, expected, atol=1e-12)
    np.testing.assert_array_equal(seen[levels(schedule) == 0], shown[levels(schedule) == 0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_observations_are_late_by_as_many_steps_as_the_level_says(schedule, severity, worlds):
    context = worlds.sensors()
    shown = worlds.inputs(context, ROWS, STEPS)
    seen = worlds.observe(f"sensor_delay[{schedule}]@{severity}", context, shown)
    for t, level in enumerate(levels(schedule)):
        late = round(float(severity * level))
        np.testing.assert_array_equal(seen[t], shown[max(t - late, 0)], err_msg=f"step {t}")


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_actions_are_late_by_as_many_steps_as_the_level_says(schedule, severity, worlds):
    wanted = np.random.default_rng(0).uniform(-1, 1, (STEPS, ROWS, 2)).astype(np.float32)
    executed = act(f"action_delay[{schedule}]@{severity}", worlds.sensors(), wanted)
    for t, level in enumerate(levels(schedule)):
        late = round(float(severity * level))
        expected = wanted[t - late] if t >= late else np.tile([0, 1], (ROWS, 1))
        np.testing.assert_array_equal(executed[t], expected, err_msg=f"step {t}")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_noise_on_actions_grows_with_the_level(schedule):
    wanted = np.full((STEPS, ROWS, 2), 100, np.float32)  # the middle: nothing is clipped
    context = ShiftContext(action_space=WIDE)
    whole = act("action_noise@1", context, wanted) - wanted
    noise = act(f"action_noise[{schedule}]@1", context, wanted) - wanted
    np.testing.assert_allclose(noise, levels(schedule)[:, None, None] * whole, atol=1e-4)
    assert whole.std() == pytest.approx(0.1 * 200, rel=0.15)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_gain_is_about_the_middle_and_in_between_it_is_in_between(schedule):
    wanted = np.random.default_rng(0).uniform(-100, 300, (STEPS, ROWS, 2)).astype(np.float32)
    executed = act(f"action_gain[{schedule}]@5", ShiftContext(action_space=WIDE), wanted)
    gain = 1 - 0.5 * levels(schedule)[:, None, None]
    np.testing.assert_allclose(executed, 100 + gain * (wanted - 100), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("mode", ["hold", "zero"])
def test_channels_are_lost_as_often_as_the_level_says(schedule, mode, worlds):
    context, rows = worlds.sensors(), 400
    shown = worlds.inputs(context, rows, STEPS)
    seen = worlds.observe(f"sensor_dropout[{schedule},mode={mode}]@5", context, shown)
    level = levels(schedule)
    lost = (seen != shown).mean(axis=(1, 2))  # 2,000 coins a step
    np.testing.assert_array_equal(seen[0], shown[0])  # the first arrives whole, in either mode
    np.testing.assert_array_equal(lost[level == 0], 0)
    np.testing.assert_allclose(lost[1:], 0.5 * level[1:], atol=0.06)
    if mode == "zero":
        assert (seen[seen != shown] == 0).all()
        return
    before = np.concatenate([shown[:1], seen[:-1]])
    np.testing.assert_array_equal(seen[seen != shown], before[seen != shown])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["action_sticky", "frame_drop", "action_noise"])
def test_probabilities_are_as_the_level_says(name, schedule, worlds):
    context, rows = worlds.frames(3, 3), 400
    world, slots = ShiftedWorld(Condition(f"{name}[{schedule}]@5"), context, rows), np.arange(rows)
    world.begin(slots, list(range(rows)), list(range(rows)))
    rng, share = np.random.default_rng(0), []
    for t in range(STEPS):
        times = np.full(rows, t, np.int64)
        if name == "frame_drop":
            shown = rng.integers(1, 256, (rows, 3, 3)).astype(np.uint8)
            share.append((world.observe(shown, slots, times) == 0).all(axis=(1, 2)).mean())
        else:
            wanted = np.full(rows, 5) if name == "action_noise" else np.full(rows, t)
            share.append((world.act(wanted, slots, times) != wanted).mean())
    # Of six random actions one is the wanted one; the first of an episode cannot stick.
    strength = {"action_sticky": 0.6, "frame_drop": 0.5, "action_noise": 0.5 * 5 / 6}[name]
    expected = strength * levels(schedule)
    expected[0] = 0 if name == "action_sticky" else expected[0]
    np.testing.assert_allclose(share, expected, atol=0.1)
    np.testing.assert_array_equal(np.array(share)[expected == 0], 0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("name", "value", "clean", "full"),
    [
        ("gravity", lambda m: m.opt.gravity[2], -9.81, -9.81 * 1.5),
        ("mass", lambda m: m.body_mass.sum(), 14.0, 28.0),
        ("friction", lambda m: m.geom_friction[0, 0], 0.4, 0.2),
        ("damping", lambda m: m.dof_damping[3], 6.0, 30.0),
        ("gear", lambda m: m.actuator_gear[0, 0], 120.0, 60.0),
        ("wind", lambda m: m.opt.wind[0], 0.0, -20.0),
    ],
)
def test_physics_moves_with_the_level_in_tenths(name, value, clean, full, schedule, worlds):
    world = make(f"{name}[{schedule}]@5", worlds.sensors())
    for t, level in enumerate(levels(schedule)):
        now = tuple(world.levels(np.array([t]))[0].tolist())
        assert now == (round(float(level) * 10) / 10,)
        assert value(world.model(now)) == pytest.approx(clean + now[0] * (full - clean), rel=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_picture_stands_still_for_as_long_as_the_level_says(schedule, worlds):
    context = worlds.frames(5, 5)
    shown = worlds.inputs(context, ROWS, STEPS)
    whole = worlds.observe("frame_freeze@5", context, shown)
    seen = worlds.observe(f"frame_freeze[{schedule}]@5", context, shown)

    def through(row: int, phase: int, share: np.ndarray) -> np.ndarray:
        frames = [shown[0, row]]
        for t in range(1, STEPS):
            still = (t + phase) % 20 >= 20 - np.rint(16 * share[t])
            frames.append(frames[-1] if still else shown[t, row])
        return np.stack(frames)

    for row in range(ROWS):
        (phase,) = (
            p for p in range(20) if np.array_equal(whole[:, row], through(row, p, np.ones(STEPS)))
        )
        expected = through(row, phase, levels(schedule))
        np.testing.assert_array_equal(seen[:, row], expected)
