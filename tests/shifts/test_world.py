"""What every shift promises: clean at severity 0, a function of its names, blind to the rest."""

from __future__ import annotations

import copy

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, UnknownNameError
from lrs_lightning.shifts import (
    Condition,
    ShiftContext,
    ShiftedWorld,
    applicable,
    make,
    shift_types,
)

TYPES = shift_types()
OBSERVED = [name for name, t in TYPES.items() if t.domain in ("frames", "sensors")]
ACTED = [name for name, t in TYPES.items() if t.domain == "actions"]
EDITED = [name for name, t in TYPES.items() if t.domain == "mujoco"]
ONCE_PER_EPISODE = ("frame_freeze", "frame_drop", "occlusion", "drifting_occlusion")
RANDOM = {
    *("gaussian_noise", "shot_noise", "impulse_noise", "sensor_noise", "sensor_bias"),
    *("sensor_dropout", "velocity_removed", *ONCE_PER_EPISODE),
}


@pytest.fixture
def context_of(worlds):
    def of(name: str) -> ShiftContext:
        frames = TYPES[name].domain in ("frames", "atari")
        return worlds.frames(12, 16) if frames else worlds.sensors()

    return of


def test_the_suite_is_complete():
    assert set(TYPES) >= {
        *("gaussian_noise", "shot_noise", "impulse_noise", "brightness_up", "brightness_down"),
        *("contrast", "blur", "occlusion", "drifting_occlusion", "frame_freeze", "frame_drop"),
        *("inverted", "sensor_noise", "sensor_bias", "sensor_dropout", "sensor_delay"),
        *("velocity_removed", "action_noise", "action_gain", "action_delay", "action_sticky"),
        *("gravity", "mass", "friction", "damping", "gear", "wind", "ale_mode", "ale_difficulty"),
    }
    assert all(len(shift.strengths) == 5 and shift.__doc__ for shift in TYPES.values())


@pytest.mark.parametrize("name", OBSERVED)
def test_severity_0_is_clean_to_the_last_bit(name, context_of, worlds):
    context = context_of(name)
    shown = worlds.inputs(context, 3, 6)
    np.testing.assert_array_equal(worlds.observe(f"{name}@0", context, shown), shown)
    np.testing.assert_array_equal(worlds.observe("clean", context, shown), shown)


@pytest.mark.parametrize("name", [*ACTED, *EDITED])
def test_severity_0_acts_and_edits_nothing(name, worlds):
    world = make(f"{name}@0", worlds.sensors())
    assert not (world.acts or world.observes or world.edits)
    assert world.model() is worlds.sensors().base_model


@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize("name", OBSERVED)
def test_an_episode_does_not_depend_on_its_neighbours_or_its_slot(
    name, severity, context_of, worlds
):
    context, text = context_of(name), f"{name}@{severity}"
    shown = worlds.inputs(context, 4, 30)
    together = worlds.observe(text, context, shown, episodes=[7, 3, 9, 1])
    alone = worlds.observe(text, context, shown[:, 2:3], episodes=[9])
    np.testing.assert_array_equal(together[:, 2], alone[:, 0])
    # A slot that has played another episode before, beside one that is elsewhere in time:
    world = ShiftedWorld(Condition(text), context, 2)
    world.begin(np.array([0, 1]), [0, 1], [0, 1])
    for t in range(5):
        world.observe(shown[t, :2], np.array([0, 1]), np.full(2, t))
    world.begin(np.array([1]), [109], [9])
    for t in range(30):
        both = np.stack([shown[t, 0], shown[t, 2]])
        seen = world.observe(both, np.array([0, 1]), np.array([t + 5, t]))
        np.testing.assert_array_equal(seen[1], alone[t, 0])


@pytest.mark.parametrize("name", OBSERVED)
def test_every_severity_leaves_its_mark_and_the_input_alone(name, context_of, worlds):
    context = context_of(name)
    shown = worlds.inputs(context, 6, 40)
    before, global_state = shown.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    seen = [worlds.observe(f"{name}@{k}", context, shown) for k in range(1, 6)]
    np.testing.assert_array_equal(shown, before)
    np.testing.assert_array_equal(np.random.get_state()[1], global_state)  # noqa: NPY002
    assert all(s.dtype == shown.dtype and s.shape == shown.shape for s in seen)
    distance = [np.abs(s.astype(float) - shown).mean() for s in seen]
    assert distance[0] > 0
    assert len({s.tobytes() for s in seen}) == 5
    if name != "sensor_delay":  # of white noise, any delay is as far off as another
        assert distance == sorted(distance)


@pytest.mark.parametrize("name", OBSERVED)
def test_randomness_belongs_to_the_episode_and_the_seed(name, context_of, worlds):
    context = context_of(name)
    shown = np.repeat(worlds.inputs(context, 1, 40), 2, axis=1)
    seen = worlds.observe(f"{name}@4", context, shown, episodes=[0, 1])
    assert np.array_equal(seen[:, 0], seen[:, 1]) == (name not in RANDOM)


@pytest.mark.parametrize("name", OBSERVED)
def test_a_schedule_is_clean_before_its_onset_and_whole_after_its_ramp(name, context_of, worlds):
    context = context_of(name)
    shown = worlds.inputs(context, 2, 40)
    whole = worlds.observe(f"{name}@5", context, shown)
    late = worlds.observe(f"{name}[onset=10]@5", context, shown)
    ramp = worlds.observe(f"{name}[onset=10,ramp=9]@5", context, shown)
    np.testing.assert_array_equal(late[:10], shown[:10])
    np.testing.assert_array_equal(ramp[:10], shown[:10])
    # Memory (a held value, a frozen frame) may differ for a while after the onset.
    np.testing.assert_array_equal(late[30:], whole[30:])
    np.testing.assert_array_equal(ramp[30:], whole[30:])
    changed = np.abs(ramp.astype(float) - shown).mean(axis=tuple(range(1, shown.ndim)))
    assert 0 < changed[10:16].mean() < changed[24:].mean()


@pytest.mark.parametrize("name", ["gaussian_noise", "sensor_noise", "action_noise"])
def test_frames_draw_in_single_precision_and_everything_else_in_double(
    name, context_of, worlds, monkeypatch
):
    """The numbers of the two precisions differ, and a frame has many of them."""
    drawn = []
    method = "act" if name in ACTED else "observe"
    monkeypatch.setattr(TYPES[name], method, lambda _, x, now: drawn.append(now.normal(2)) or x)
    world, row = make(f"{name}@1", context_of(name)), np.array([0])
    world.begin(row, [0], [0])
    getattr(world, method)(worlds.inputs(context_of(name), 1, 1)[0], row, row)
    assert drawn[0].dtype == (np.float32 if name == "gaussian_noise" else np.float64)


def test_on_and_off(worlds):
    context = worlds.sensors()
    shown = worlds.inputs(context, 1, 20)
    seen = worlds.observe("sensor_bias[onset=2,period=6,duty=0.5]@3", context, shown)
    changed = (seen != shown).any(axis=(1, 2))
    assert "".join("01"[int(c)] for c in changed) == "00" + "111000" * 3


def test_a_composition_applies_its_parts_in_order(worlds):
    context = worlds.sensors()
    shown = worlds.inputs(context, 2, 10)
    biased = worlds.observe("sensor_bias@2", context, shown)
    expected = worlds.observe("sensor_delay@3", context, biased)
    composed = worlds.observe("sensor_bias@2+sensor_delay@3", context, shown)
    np.testing.assert_array_equal(composed, expected)


def test_the_same_shift_twice_draws_twice(worlds):
    context = worlds.sensors()
    shown = np.zeros((200, 1, 5))
    once = worlds.observe("sensor_noise@2", context, shown)
    twice = worlds.observe("sensor_noise@2+sensor_noise@2", context, shown)
    assert twice.std(axis=0)[0] == pytest.approx(np.sqrt(2) * once.std(axis=0)[0], rel=0.2)


class TestPhysics:
    @pytest.mark.parametrize("name", EDITED)
    def test_the_base_model_is_left_alone(self, name, worlds):
        context = worlds.sensors()
        base, before = context.base_model, copy.copy(context.base_model)
        world = make(f"{name}@5", context)
        assert world.model() is world.model()
        assert world.model() is not base
        for array in ("body_mass", "body_inertia", "geom_friction", "dof_damping", "actuator_gear"):
            np.testing.assert_array_equal(getattr(base, array), getattr(before, array))
        np.testing.assert_array_equal(base.opt.gravity, before.opt.gravity)
        assert (base.opt.density, base.opt.wind.tolist()) == (0, [0, 0, 0])

    def test_levels_move_in_tenths(self, worlds):
        world = make("gravity[onset=2,ramp=99]@5", worlds.sensors())
        assert world.edits_over_time
        levels = world.levels(np.array([0, 1, 2, 50, 101, 500])).ravel()
        assert levels.tolist() == [0.0, 0.0, 0.0, 0.5, 1.0, 1.0]
        gravity = [world.model((level,)).opt.gravity[2] / -9.81 for level in (0.0, 0.5, 1.0)]
        assert gravity == pytest.approx([1.0, 1.25, 1.5])
        assert world.model().opt.gravity[2] == -9.81

    def test_parts_are_edited_together(self, worlds):
        context = worlds.sensors()
        model = make("mass@5+gravity@5", context).model()
        np.testing.assert_allclose(model.body_mass, 2 * context.base_model.body_mass)
        assert model.opt.gravity[2] == pytest.approx(1.5 * -9.81)
        mujoco.mj_forward(model, mujoco.MjData(model))


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "kind", "sentence"),
        [
            ("sensor_nois@1", UnknownNameError, "did you mean 'sensor_noise'"),
            ("mass@6", ArgumentError, "severities 0 to 5, not 6"),
            ("gaussian_noise@0", EnvironmentMismatchError, "acts on pictures"),
            ("ale_mode@1", EnvironmentMismatchError, "modes and difficulties"),
            ("mass[weight=2]@1", ArgumentError, "no option weight=2"),
            ("sensor_dropout[mode=melt]@1", ArgumentError, "'hold' nor 'zero'"),
        ],
    )
    def test_one_sentence(self, text, kind, sentence, worlds):
        with pytest.raises(kind, match=sentence) as caught:
            make(text, worlds.sensors())
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("sensor_noise@1", "acts on a vector of sensors"),
            ("mass@1", "acts on MuJoCo's physics"),
            ("action_gain@1", "has a list of them"),
        ],
    )
    def test_of_pictures(self, text, sentence, worlds):
        with pytest.raises(EnvironmentMismatchError, match=sentence):
            make(text, worlds.frames())

    @pytest.mark.parametrize(
        ("text", "change", "sentence"),
        [
            ("sensor_noise@1", {"observation_std": None}, "pass context=ShiftContext"),
            ("sensor_bias@1", {"observation_std": None}, "pass context=ShiftContext"),
            ("sensor_noise@1", {"observation_std": np.ones(4)}, r"shape \(4,\), and .* \(5,\)"),
            ("velocity_removed@1", {"observation_mean": np.ones(4)}, r"observation_mean: .*\(4,\)"),
            ("velocity_removed@1", {"velocity_channels": ()}, "which channels are velocities"),
        ],
    )
    def test_of_a_poor_context(self, text, change, sentence, worlds):
        from dataclasses import replace

        with pytest.raises(ArgumentError, match=sentence):
            make(text, replace(worlds.sensors(), **change))


def test_what_applies_to_other_spaces(worlds):
    from dataclasses import replace

    lists = gym.spaces.MultiDiscrete([2, 3])
    context = replace(
        worlds.sensors(), action_space=lists, observation_space=gym.spaces.Discrete(4)
    )
    assert set(applicable(context)) == set(EDITED)
    with pytest.raises(EnvironmentMismatchError, match="actions of a box or a list"):
        make("action_noise@1", context)
    grid = gym.spaces.Box(-1, 1, (2, 3), np.float64)
    context = replace(worlds.sensors(), observation_space=grid, observation_std=np.ones((2, 3)))
    for name in ("sensor_noise", "sensor_bias", "sensor_dropout", "sensor_delay"):
        shown = worlds.inputs(context, 4, 8)
        seen = worlds.observe(f"{name}@5", context, shown)
        assert seen.shape == shown.shape
        assert not np.array_equal(seen, shown)


def test_what_applies_where(worlds):
    assert "mass" in applicable(worlds.sensors())
    assert "blur" not in applicable(worlds.sensors())
    assert {"blur", "ale_mode", "action_sticky"} <= set(applicable(worlds.frames()))
