"""All shifts by name: ours, those of installed plug-ins, and those registered by hand."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

import gymnasium as gym

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, UnknownNameError
from lrs_lightning.shifts import (
    actions,
    dynamics,
    flavours,
    pixel_light,
    pixel_noise,
    pixel_occlusion,
    pixel_stream,
    sensors,
)
from lrs_lightning.shifts.base import Shift, ShiftContext
from lrs_lightning.shifts.condition import Component

ENTRY_POINTS = "lrs_lightning.shifts"

_OURS: tuple[type[Shift], ...] = (
    pixel_noise.GaussianNoise,
    pixel_noise.ShotNoise,
    pixel_noise.ImpulseNoise,
    pixel_light.BrightnessUp,
    pixel_light.BrightnessDown,
    pixel_light.Contrast,
    pixel_light.Blur,
    pixel_occlusion.Occlusion,
    pixel_occlusion.DriftingOcclusion,
    pixel_stream.FrameFreeze,
    pixel_stream.FrameDrop,
    pixel_light.Inverted,
    sensors.SensorNoise,
    sensors.SensorBias,
    sensors.SensorDropout,
    sensors.SensorDelay,
    sensors.VelocityRemoved,
    actions.ActionNoise,
    actions.ActionGain,
    actions.ActionDelay,
    actions.ActionSticky,
    dynamics.Gravity,
    dynamics.Mass,
    dynamics.Friction,
    dynamics.Damping,
    dynamics.Gear,
    dynamics.Wind,
    flavours.AleMode,
    flavours.AleDifficulty,
)
_BY_NAME: dict[str, type[Shift]] = {shift.name: shift for shift in _OURS}


def register(shift: type[Shift]) -> type[Shift]:
    """Add a shift of one's own (also as a class decorator).

    Raises:
        ArgumentError: if it lacks `name`, `domain` or `strengths`, or the name is taken.
    """
    for attribute in ("name", "domain", "strengths"):
        if not getattr(shift, attribute, None):
            raise ArgumentError(f"shift {shift.__name__} has no {attribute}: set it on the class")
    if _BY_NAME.get(shift.name, shift) is not shift:
        raise ArgumentError(f"shift {shift.name!r} exists already: choose another name")
    _BY_NAME[shift.name] = shift
    return shift


@cache
def _load_plugins() -> None:
    for point in entry_points(group=ENTRY_POINTS):
        register(point.load())


def shift_types() -> dict[str, type[Shift]]:
    """Name -> class of every shift there is."""
    _load_plugins()
    return dict(_BY_NAME)


def applicable(context: ShiftContext) -> list[str]:
    """Names of the shifts that this task allows."""
    return [name for name, shift in shift_types().items() if shift.domain in _domains(context)]


def build(component: Component, context: ShiftContext, rows: int) -> Shift:
    """Make one shift for N slots.

    Raises:
        UnknownNameError: no shift has this name.
        EnvironmentMismatchError: it acts on something this task does not have.
        ArgumentError: severity out of range, or an unknown option.
    """
    types = shift_types()
    if component.name not in types:
        raise UnknownNameError("shift", component.name, {*types, "clean"})
    shift = types[component.name]
    if shift.domain not in _domains(context):
        raise EnvironmentMismatchError(
            f"shift {component.name!r} acts on {_MEANING[shift.domain]}, which {context.env_id} "
            f"does not have; choose among {', '.join(applicable(context))}"
        )
    if not 1 <= component.severity <= len(shift.strengths):
        raise ArgumentError(
            f"shift {component.name!r} has severities 0 to {len(shift.strengths)}, "
            f"not {component.severity}"
        )
    strength = shift.strengths[component.severity - 1]
    try:
        built = shift(strength, context, rows, **dict(component.options))
    except TypeError as error:
        options = ", ".join(f"{key}={value}" for key, value in component.options)
        raise ArgumentError(f"shift {component.name!r} has no option {options}: {error}") from error
    built.check()
    return built


_MEANING = {
    "frames": "pictures",
    "sensors": "a vector of sensors",
    "actions": "actions of a box or a list",
    "mujoco": "MuJoCo's physics",
    "atari": "Atari's modes and difficulties",
}


def _domains(context: ShiftContext) -> set[str]:
    domains = {context.dynamics}
    if context.sees_frames:
        domains.add("frames")
    elif isinstance(context.observation_space, gym.spaces.Box):
        domains.add("sensors")
    if isinstance(context.action_space, gym.spaces.Box | gym.spaces.Discrete):
        domains.add("actions")
    return domains
