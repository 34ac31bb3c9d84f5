"""Physics edits change what they say, and MuJoCo's derived constants with them."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.shifts import Condition, ShiftContext
from lrs_lightning.shifts.registry import build

TASKS = ("HalfCheetah-v5", "Hopper-v5", "Ant-v5", "Swimmer-v5")


def edited(text, env_id="HalfCheetah-v5"):
    base = describe(env_id).base_model
    component = Condition(text).components[0]
    shift = build(component, ShiftContext(dynamics="mujoco", base_model=base), 1)
    return base, shift.edit(base, 1.0)


def free_fall(model):
    """Acceleration of the root before anything touches anything."""
    data = mujoco.MjData(model)
    data.qpos[1] = 5.0
    mujoco.mj_forward(model, data)
    assert data.ncon == 0
    return data.qacc[1]


@pytest.mark.parametrize(
    ("severity", "factor"), list(enumerate([1.1, 1.2, 1.3, 1.4, 1.5], start=1))
)
def test_gravity_changes_free_fall_by_its_factor(severity, factor):
    base, model = edited(f"gravity@{severity}")
    assert free_fall(model) == pytest.approx(factor * free_fall(base), rel=1e-9)
    assert free_fall(base) == pytest.approx(-9.81, rel=0.2)


@pytest.mark.parametrize("env_id", TASKS)
def test_mass_brings_derived_constants_along(env_id):
    base, model = edited("mass@5", env_id)
    np.testing.assert_allclose(model.body_mass, 2 * base.body_mass)
    np.testing.assert_allclose(model.body_inertia, 2 * base.body_inertia)
    np.testing.assert_allclose(model.body_subtreemass, 2 * base.body_subtreemass)
    has_armature = base.dof_armature.any()
    ratio = model.dof_invweight0 / base.dof_invweight0
    assert (ratio < 1).all() if has_armature else np.allclose(ratio, 0.5)


@pytest.mark.parametrize(
    ("text", "array", "factor"),
    [
        ("friction@5", "geom_friction", [0.5, 1, 1]),
        ("damping@3", "dof_damping", 3.0),
        ("gear@2", "actuator_gear", 0.8),
    ],
)
@pytest.mark.parametrize("env_id", TASKS)
def test_a_property_is_scaled(text, array, factor, env_id):
    base, model = edited(text, env_id)
    np.testing.assert_allclose(getattr(model, array), getattr(base, array) * factor)


def test_wind_brings_air_where_there_is_none_and_only_there():
    _, cheetah = edited("wind@3")
    assert (cheetah.opt.wind.tolist(), cheetah.opt.density) == ([-10, 0, 0], 1.2)
    base, swimmer = edited("wind@3", "Swimmer-v5")
    assert swimmer.opt.density == base.opt.density == 4000


def test_wind_pushes_back():
    base, model = edited("wind@5")
    accelerations = []
    for m in (base, model):
        data = mujoco.MjData(m)
        data.qpos[1] = 5.0
        mujoco.mj_forward(m, data)
        accelerations.append(data.qacc[0])
    assert accelerations[1] < accelerations[0]
