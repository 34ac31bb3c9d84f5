"""A condition that would change nothing is told, not played: the table against simulations."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import Condition, ShiftContext, make, shift_types, without_effect
from lrs_lightning.shifts.physics import can_slide
from lrs_lightning.shifts.registry import build

WITHOUT = {
    "HalfCheetah-v5": set(),
    "Hopper-v5": set(),
    "Walker2d-v5": set(),
    "Ant-v5": set(),
    "Humanoid-v5": set(),
    "HumanoidStandup-v5": set(),
    "Swimmer-v5": {"gravity", "friction", "damping"},
    "Reacher-v5": {"gravity", "friction"},
    "Pusher-v5": {"gravity", "friction"},
    "InvertedPendulum-v5": {"friction"},
    "InvertedDoublePendulum-v5": {"friction"},
}
EDITED = [name for name, shift in shift_types().items() if shift.domain == "mujoco"]


def context_of(env_id: str, **changes) -> ShiftContext:
    info = describe(env_id)
    unit = np.ones(info.observation_space.shape)
    return replace(
        completed(ShiftContext(observation_mean=unit, observation_std=unit), info), **changes
    )


def simulated(model: mujoco.MjModel, steps: int = 200) -> np.ndarray:
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    data.qvel[:] = rng.normal(size=model.nv)
    positions = []
    for _ in range(steps):
        data.ctrl[:] = rng.uniform(-0.4, 0.4, model.nu)
        mujoco.mj_step(model, data)
        positions.append(data.qpos.copy())
    return np.array(positions)


@pytest.mark.parametrize("env_id", WITHOUT)
def test_what_has_no_effect_is_known_before_it_is_played(env_id):
    context = context_of(env_id)
    clean = simulated(context.base_model)
    for name in EDITED:
        condition = Condition(name, 5)
        edited = build(condition.components[0], context, 1).edit(context.base_model, 1.0)
        same = np.array_equal(simulated(edited), clean)
        sentence = without_effect(condition, context)
        assert (sentence is not None) == (name in WITHOUT[env_id]) == same, name
        if sentence is not None:
            with pytest.raises(EnvironmentMismatchError, match="without any effect: .*; leave it"):
                make(condition, context)
            make(Condition(name, 0), context)  # clean by name: nobody takes it for a shift


@pytest.mark.parametrize(
    ("env_id", "text", "changes", "sentence"),
    [
        ("InvertedPendulum-v5", "velocity_removed@1", {}, "20% of 2 velocity channels"),
        ("Hopper-v5", "sensor_noise@2", {"observation_std": np.zeros(11)}, "is 0 in all channels"),
        ("Hopper-v5", "sensor_bias@2", {"observation_std": np.zeros(11)}, "is 0 in all channels"),
        ("Hopper-v5", "mass[onset=1000]@3", {}, "from step 1000 on, and .* Hopper-v5 has 1000"),
        ("Hopper-v5", "sensor_delay[onset=4000]@3", {}, "from step 4000 on"),
        ("Hopper-v5", "sensor_delay@3+mass[onset=1000]@3", {}, "mass.* from step 1000"),
        (
            "CartPole-v1",
            "action_sticky@1",
            {"action_space": gym.spaces.Discrete(1)},
            "has a single action",
        ),
    ],
)
def test_shifts_of_sensors_actions_and_time_as_well(env_id, text, changes, sentence):
    context = context_of(env_id, **changes)
    with pytest.raises(
        EnvironmentMismatchError, match=f"without any effect: .*{sentence}"
    ) as error:
        make(text, context)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["velocity_removed@2", "mass[onset=999]@1", "sensor_noise@1", "sensor_delay@1"]
)
def test_what_may_have_one_is_played(text):
    assert without_effect(text, context_of("InvertedPendulum-v5")) is None


TWO_BALLS = """
<mujoco><option><flag {flag}/></option><worldbody>
  <geom name="floor" type="plane" size="1 1 1" {floor}/>
  <body name="a" pos="0 0 1"><freejoint/><geom name="a" size=".1" {a}/>
    <body name="b" pos="0 0 .3"><joint/><geom name="b" size=".1" {b}/></body>
  </body>
</worldbody>{more}</mujoco>"""
NONE, ONLY_B = 'contype="0" conaffinity="0"', 'contype="2" conaffinity="2"'
DEFAULT = {"flag": "", "floor": "", "a": "", "b": "", "more": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"flag": 'contact="disable"'}, False),
        ({"floor": NONE}, False),  # parent and child never touch
        ({"floor": NONE, "flag": 'filterparent="disable"'}, True),
        ({"a": NONE, "b": NONE}, False),
        ({"floor": NONE, "a": ONLY_B, "b": ONLY_B}, False),
        ({"floor": 'condim="1"', "a": 'condim="1"', "b": 'condim="1"'}, False),
        ({"floor": 'condim="1"', "a": 'condim="1"', "b": 'condim="4"'}, True),
        ({"a": NONE, "b": 'contype="0" conaffinity="1"'}, True),
        (
            {"a": NONE, "more": '<contact><exclude body1="b" body2="world"/></contact>'},
            False,
        ),
        (
            {
                "floor": NONE,
                "more": '<contact><pair geom1="a" geom2="b" condim="3"/></contact>',
            },
            True,
        ),
        (
            {
                "floor": NONE,
                "more": '<contact><pair geom1="a" geom2="b" condim="1"/></contact>',
            },
            False,
        ),
    ],
)
def test_where_parts_can_slide(changes, expected):
    model = mujoco.MjModel.from_xml_string(TWO_BALLS.format(**{**DEFAULT, **changes}))
    assert can_slide(model) == expected
