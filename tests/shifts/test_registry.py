from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from lrs_lightning.envs import describe, register_domain
from lrs_lightning.envs.gymnasium_domains import OTHER
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, UnknownNameError
from lrs_lightning.rollout import rollout
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import Shift, applicable, make, register, registry, shift_types


class Tilt(Shift):
    """Adds its strength."""

    name, domain, strengths = "tilt", "sensors", (1.0, 2.0)

    def observe(self, observations, now):
        return observations + self.strength


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    monkeypatch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))
    registry._load_plugins.cache_clear()
    yield
    registry._load_plugins.cache_clear()


def test_a_plugin_is_found_by_its_entry_point(monkeypatch, worlds):
    import sys

    monkeypatch.setitem(sys.modules, "tilting", sys.modules[__name__])
    point = EntryPoint("tilt", "tilting:Tilt", registry.ENTRY_POINTS)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] if group == point.group else []
    )
    assert shift_types()["tilt"] is Tilt
    context = worlds.sensors()
    shown = worlds.inputs(context, 2, 3)
    np.testing.assert_array_equal(worlds.observe("tilt@2", context, shown), shown + 2)
    ramp = worlds.observe("tilt[onset=1,ramp=1]@2", context, shown)
    np.testing.assert_allclose(
        ramp - shown, np.array([0, 1, 2])[:, None, None] + np.zeros((3, 2, 5))
    )
    with pytest.raises(ArgumentError, match="severities 0 to 2, not 3"):
        make("tilt@3", context)


def test_registering_twice_is_harmless_and_another_of_the_name_is_refused():
    assert register(register(Tilt)) is Tilt
    other = type("Other", (Tilt,), {})
    with pytest.raises(ArgumentError, match="'tilt' exists already"):
        register(other)


@pytest.mark.parametrize("missing", ["name", "domain", "strengths"])
def test_a_shift_must_say_what_it_is(missing):
    attributes = {"name": "new", "domain": "sensors", "strengths": (1,)}
    del attributes[missing]
    with pytest.raises(ArgumentError, match=f"New has no {missing}"):
        register(type("New", (Shift,), attributes))


METHODS = {
    "observe": lambda self, observations, now: observations + 1,
    "act": lambda self, actions, now: actions / 2,
    "edit": lambda self, model, level: {**model, "m": 2.0},
}


def of(domain: str, *methods: str, **more) -> type[Shift]:
    attributes = {"name": f"new_{domain}", "domain": domain, "strengths": (1,), **more}
    return type("New", (Shift,), attributes | {name: METHODS[name] for name in methods})


@pytest.mark.parametrize(
    ("domain", "nearest"), [("sensor", "sensors"), ("mujocco", "mujoco"), ("Atari", "atari")]
)
def test_an_unknown_domain_names_the_nearest(domain, nearest):
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        register(of(domain, *METHODS))


CALLED = {"frames": "observe", "sensors": "observe", "actions": "act"}


@pytest.mark.parametrize("domain", ["frames", "sensors", "actions", "mujoco", "atari", "other"])
def test_a_shift_has_the_method_that_its_domain_calls_and_no_other(domain):
    called = CALLED.get(domain, "edit")
    others = [name for name in METHODS if name != called]
    assert register(of(domain, called)).domain == domain
    for methods in ([], others):
        with pytest.raises(ArgumentError, match=f"has no method '{called}'"):
            register(of(domain, *methods, name="no_method"))
    for other in others:
        with pytest.raises(ArgumentError, match=f"'{other}', which is never called"):
            register(of(domain, called, other, name="too_many"))


class Push:
    """A constant torque."""

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.full((len(observations), 1), 0.5, np.float32), None


@pytest.mark.parametrize("domain", ["sensors", "actions", "other", "arms"])
def test_whatever_is_listed_is_called_in_every_domain(domain, monkeypatch):
    import sys

    module = sys.modules["lrs_lightning.envs.domains"]
    monkeypatch.setattr(module, "_REGISTERED", dict(module._REGISTERED))
    if domain == "arms":
        register_domain(
            replace(
                OTHER,
                name="arms",
                owns=lambda env_id, **kwargs: env_id == "Pendulum-v1",
                describe=lambda env_id, **kwargs: replace(OTHER.describe(env_id), domain="arms"),
            )
        )
    calls = []

    def counted(self, *arguments):
        calls.append(type(self).__name__)
        return METHODS[CALLED.get(domain, "edit")](self, *arguments)

    shift = register(of(domain, **{CALLED.get(domain, "edit"): counted}))
    info = describe("Pendulum-v1")
    context = completed(None, info)
    assert shift.name in applicable(context)
    conditions = ["clean", f"{shift.name}@1", f"{shift.name}[onset=100]@1"]
    clean, whole, late = rollout({"p": Push()}, "Pendulum-v1", conditions, [0], record=True)
    assert calls
    steps = [e.trajectory for e in (clean, whole, late)]
    for part in ("observations", "actions"):
        same = np.array_equal(getattr(steps[0], part)[:100], getattr(steps[2], part)[:100])
        assert same, "nothing is shifted before the onset"
    parts = [np.concatenate([s.observations.ravel(), s.actions.ravel()]) for s in steps]
    assert not np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])


def test_the_physics_of_another_environment_is_refused_in_a_sentence():
    register(of("other", edit=lambda self, model, level: {**model, "g": 2 * model["g"]}))
    with pytest.raises(EnvironmentMismatchError, match="physics of CartPole-v1: KeyError: 'g'"):
        make("new_other@1", completed(None, describe("CartPole-v1")))


def test_an_edit_that_leaves_the_physics_as_it_was_is_refused():
    register(of("other", edit=lambda self, model, level: dict(model)))
    with pytest.raises(EnvironmentMismatchError, match="leaves the physics of Pendulum-v1 as it"):
        make("new_other@1", completed(None, describe("Pendulum-v1")))


def test_a_shift_that_does_not_look_at_its_level_is_clean_before_its_onset(worlds):
    register(of("sensors", "observe", fades=False))
    context = worlds.sensors()
    shown = worlds.inputs(context, 2, 9)
    seen = worlds.observe("new_sensors[onset=4]@1", context, shown)
    np.testing.assert_array_equal(seen[:4], shown[:4])
    np.testing.assert_array_equal(seen[4:], shown[4:] + 1)
