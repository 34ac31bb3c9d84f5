"""Edited models equal models that are compiled anew from edited XML, in every number they hold."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.shifts import ShiftContext, shift_types

# Of everything that a shift may touch, two with different values; and a contact pair of its own.
XML = """
<mujoco>
  <option gravity="{gx} 0 {gz}" density="{density}" viscosity="0.3" wind="{wind} 0.5 0"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1" friction="{f1} .02 .003"/>
    <body name="a" pos="0 0 1">
      <inertial pos=".01 0 0" mass="{m1}" diaginertia="{i1} {i2} {i3}"/>
      <joint name="x" type="slide" axis="1 0 0" damping="{d1}"/>
      <joint name="z" type="slide" axis="0 0 1" armature=".2"/>
      <geom name="a" type="sphere" size=".1" friction="{f2} .01 .001"/>
      <body name="b" pos=".3 0 0">
        <inertial pos="0 .02 0" mass="{m2}" diaginertia="{i1} {i1} {i1}"/>
        <joint name="h" type="hinge" axis="0 1 0" damping="{d2}" stiffness="2" range="-1 1"/>
        <geom name="b" type="capsule" size=".05 .2" friction="{f3} .01 .001"/>
      </body>
    </body>
  </worldbody>
  <contact>
    <pair geom1="a" geom2="floor" friction="{p1} {p2} .03 .004 .005"/>
    <pair geom1="b" geom2="floor" friction="{p2} {p1} .03 .004 .005"/>
  </contact>
  <tendon><fixed name="t"><joint joint="x" coef="1"/><joint joint="h" coef=".5"/></fixed></tendon>
  <actuator>
    <motor joint="x" gear="{g1}"/><position joint="h" gear="{g2}" kp="3"/>
    <motor tendon="t" gear="{g3}"/>
  </actuator>
</mujoco>
"""
BASE = {
    **{"gx": 0.4, "gz": -9.5, "wind": -1.5, "density": 1.1},
    **{"f1": 0.9, "f2": 0.7, "f3": 1.3, "p1": 0.8, "p2": 0.6},
    **{"m1": 2.0, "m2": 0.5, "i1": 0.02, "i2": 0.03, "i3": 0.04},
    **{"d1": 0.3, "d2": 1.7, "g1": 20.0, "g2": 1.5, "g3": 4.0},
}
TOUCHED = {
    "gravity": ("gx", "gz"),
    "mass": ("m1", "m2", "i1", "i2", "i3"),
    "friction": ("f1", "f2", "f3", "p1", "p2"),
    "damping": ("d1", "d2"),
    "gear": ("g1", "g2", "g3"),
}
EDITED = [name for name, shift in shift_types().items() if shift.domain == "mujoco"]


def compiled(**values: float) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(XML.format(**{**BASE, **values}))


def numbers(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """All numbers of a model, by name."""
    found = {}
    for part in (model, model.opt, model.stat):
        for name in dir(part):
            value = getattr(part, name)
            if not name.startswith("_") and isinstance(value, np.ndarray | float | int):
                found[f"{type(part).__name__}.{name}"] = np.asarray(value)
    return found


def shifted(name: str, severity: int, base: mujoco.MjModel, level: float = 1.0):
    shift = shift_types()[name]
    strength = shift.strengths[severity - 1]
    built = shift(strength, ShiftContext(dynamics="mujoco", base_model=base), 1)
    return strength, built.edit(base, level)


def assert_equal(one: mujoco.MjModel, other: mujoco.MjModel) -> None:
    ours, theirs = numbers(one), numbers(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("level", [1.0, 0.3])
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", EDITED)
def test_every_number_is_that_of_a_model_compiled_anew(name, severity, level):
    base, before = compiled(), numbers(compiled())
    strength, model = shifted(name, severity, base, level)
    factor = 1 + (strength - 1) * level
    if name == "wind":
        changed = {"wind": BASE["wind"] - strength * level}
    else:
        changed = {key: BASE[key] * factor for key in TOUCHED[name]}
    assert_equal(model, compiled(**changed))
    for key, value in numbers(base).items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_the_comparison_sees_a_number_that_is_left_out():
    for key in BASE:
        if key == "density":
            continue
        with pytest.raises(AssertionError):
            assert_equal(compiled(), compiled(**{key: BASE[key] * 1.1}))


@pytest.mark.parametrize(
    "env_id", ["HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5", "Swimmer-v5"]
)
@pytest.mark.filterwarnings("ignore:compiler attribute 'settotalmass'")
def test_a_heavier_task_equals_its_own_xml_with_heavier_bodies(env_id):
    import gymnasium as gym

    base = describe(env_id).base_model
    strength, model = shifted("mass", 5, base)
    path = gym.make(env_id).unwrapped.fullpath
    spec = mujoco.MjSpec.from_file(path)
    spec.compile()  # gives the bodies their numbers
    spec.compiler.settotalmass = -1  # else the compiler scales the masses again
    for body in spec.bodies[1:]:
        k = body.id
        body.explicitinertial = True
        body.mass, body.inertia = strength * base.body_mass[k], strength * base.body_inertia[k]
        body.ipos, body.iquat = base.body_ipos[k], base.body_iquat[k]
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
    assert_equal(model, spec.compile())


def test_a_statistic_that_the_author_has_set_stays():
    source = XML.replace("<worldbody>", '<statistic meaninertia="3"/><worldbody>')
    base = mujoco.MjModel.from_xml_string(source.format(**BASE))
    _, model = shifted("mass", 5, base)
    assert model.stat.meaninertia == base.stat.meaninertia == 3
