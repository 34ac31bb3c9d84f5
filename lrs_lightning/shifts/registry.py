"""All shifts by name: ours, those of installed plug-ins, and those registered by hand."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, LrsError, UnknownNameError
from lrs_lightning.shifts import (
    actions,
    atari,
    mujoco,
    pixel_light,
    pixel_noise,
    pixel_occlusion,
    pixel_stream,
    sensors,
)
from lrs_lightning.shifts.base import Shift, ShiftContext
from lrs_lightning.shifts.condition import Component
from lrs_lightning.shifts.kinds import METHODS, domains_of, kind_of
from lrs_lightning.shifts.strength import strength_of

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
    mujoco.Gravity,
    mujoco.Mass,
    mujoco.Friction,
    mujoco.Damping,
    mujoco.Gear,
    mujoco.Wind,
    atari.AleMode,
    atari.AleDifficulty,
)
_BY_NAME: dict[str, type[Shift]] = {shift.name: shift for shift in _OURS}


def register(shift: type[Shift]) -> type[Shift]:
    """Add a shift of one's own (also as a class decorator).

    Raises:
        ArgumentError: if it lacks `name`, `domain` or `strengths`, the name is taken, or it does
            not override the one method that its domain calls.
        UnknownNameError: there is no such domain.
    """
    for attribute in ("name", "domain", "strengths"):
        if not getattr(shift, attribute, None):
            raise ArgumentError(f"shift {shift.__name__} has no {attribute}: set it on the class")
    _check_methods(shift)
    if _BY_NAME.get(shift.name, shift) is not shift:
        raise ArgumentError(f"shift {shift.name!r} exists already: choose another name")
    _BY_NAME[shift.name] = shift
    return shift


def _check_methods(shift: type[Shift]) -> None:
    """A shift of which nothing is called, or that overrides what is not, would be played as if."""
    called = kind_of(shift.domain).method
    overridden = {m for m in METHODS if getattr(shift, m) is not getattr(Shift, m)}
    if called not in overridden:
        raise ArgumentError(
            f"shift {shift.name!r} acts on {kind_of(shift.domain).meaning} and has no method "
            f"{called!r}, by which that is done: define it"
        )
    if overridden - {called}:
        raise ArgumentError(
            f"shift {shift.name!r} has a method {min(overridden - {called})!r}, which is never "
            f"called in the domain {shift.domain!r}: make a second shift of it, and join both by +"
        )


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
    domains = domains_of(context)
    return [name for name, shift in shift_types().items() if shift.domain in domains]


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
    if shift.domain not in domains_of(context):
        raise EnvironmentMismatchError(
            f"shift {component.name!r} acts on {kind_of(shift.domain).meaning}, which "
            f"{context.env_id} does not have; choose among {', '.join(applicable(context))}"
        )
    strength, own = _strength(component, shift)
    try:
        built = shift(strength, context, rows, **own)
    except TypeError as error:
        options = ", ".join(f"{key}={value}" for key, value in own.items())
        raise ArgumentError(f"shift {component.name!r} has no option {options}: {error}") from error
    built.check()
    return built


def _strength(component: Component, shift: type[Shift]) -> tuple[float, dict[str, Any]]:
    """The strength of a component, and its other options."""
    options = dict(component.options)
    strength, own = strength_of(component.name, shift.strengths, options, component.severity)
    known = shift.strength_range
    reason = known.refuses(strength) if known is not None and len(own) < len(options) else None
    if reason is not None:
        raise ArgumentError(f"shift {component.name!r} has no strength {strength:g}: {reason}")
    return strength, own


def without_effect(component: Component, shift: Shift) -> str | None:
    """Why a shift, as a component of a condition, changes nothing; `None` where it may.

    Raises:
        EnvironmentMismatchError: it cannot edit this physics.
    """
    context, horizon = shift.context, shift.context.max_episode_steps
    if horizon is not None and not component.schedule.level(np.arange(horizon)).any():
        return (
            f"{component} acts from step {component.schedule.onset} on, and an episode of "
            f"{context.env_id} has {horizon}"
        )
    try:
        return shift.without_effect()
    except LrsError:
        raise
    except Exception as error:
        raise EnvironmentMismatchError(
            f"shift {shift.name!r} cannot edit the physics of {context.env_id}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
