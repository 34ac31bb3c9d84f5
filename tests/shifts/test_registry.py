from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts import Shift, make, register, registry, shift_types


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
