"""Shifts of MuJoCo's physics: each gives an edited copy of the model."""

from __future__ import annotations

import copy

import mujoco

from lrs_lightning.shifts.base import Shift
from lrs_lightning.shifts.physics import can_slide, derived_constants, gravity_moves
from lrs_lightning.shifts.strength import StrengthRange

AIR = 1.2  # density in kg/m^3


class Scaled(Shift):
    """Base of shifts that multiply a property by `strength`."""

    domain = "mujoco"

    def edit(self, model: mujoco.MjModel, level: float) -> mujoco.MjModel:
        """A copy with the property scaled; halfway is the factor halfway to 1."""
        model = copy.copy(model)
        self.scale(model, 1 + (self.strength - 1) * level)
        return model

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Multiply the property of `model` in place."""
        raise NotImplementedError


class Gravity(Scaled):
    """Heavier gravity: factors 1.1 to 1.5.

    Domain-randomisation studies take factors from [0.5, 1.5].
    """

    name, strengths = "gravity", (1.1, 1.2, 1.3, 1.4, 1.5)
    strength_range = StrengthRange(1.0)

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Scale the vector of gravity."""
        model.opt.gravity[:] *= factor

    def without_effect(self) -> str | None:
        """In a plane, or in weightlessness, nothing falls."""
        base = self.context.base_model
        if gravity_moves(base, self.edit(base, 1.0)):
            return None
        return f"gravity moves no joint of {self.context.env_id}"


class Mass(Scaled):
    """Heavier bodies, inertia included: factors 1.2 to 2.

    Domain-randomisation studies take factors from [0.5, 2].
    """

    name, strengths = "mass", (1.2, 1.4, 1.6, 1.8, 2.0)
    strength_range = StrengthRange(1.0)

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Scale masses and inertias, and derive anew what MuJoCo keeps of them."""
        with derived_constants(model):
            model.body_mass[:] *= factor
            model.body_inertia[:] *= factor


class Friction(Scaled):
    """More slippery contacts: factors 0.9 to 0.5 on sliding friction.

    Domain-randomisation studies take factors from [0.5, 2].
    """

    name, strengths = "friction", (0.9, 0.8, 0.7, 0.6, 0.5)
    strength_range = StrengthRange(1.0, limit=0.01)

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Scale the sliding coefficients of geoms and of explicit contact pairs."""
        model.geom_friction[:, 0] *= factor
        model.pair_friction[:, :2] *= factor

    def without_effect(self) -> str | None:
        """There must be contacts, and friction in them."""
        if not can_slide(self.context.base_model):
            return f"no two parts of {self.context.env_id} touch with friction between them"
        return super().without_effect()


class Damping(Scaled):
    """Stiffer joints: factors 1.5 to 5 on damping (our own scale: wear and cold grease)."""

    name, strengths = "damping", (1.5, 2.0, 3.0, 4.0, 5.0)
    strength_range = StrengthRange(1.0)

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Scale the damping of all degrees of freedom."""
        model.dof_damping[:] *= factor


class Gear(Scaled):
    """Weaker actuators: factors 0.9 to 0.5.

    Domain-randomisation studies take factors from [0.7, 1.3].
    """

    name, strengths = "gear", (0.9, 0.8, 0.7, 0.6, 0.5)
    strength_range = StrengthRange(1.0, limit=0.01)

    def scale(self, model: mujoco.MjModel, factor: float) -> None:
        """Scale the transmission of all actuators."""
        with derived_constants(model):
            model.actuator_gear[:] *= factor


class Wind(Shift):
    """Head wind of 2, 5, 10, 15, 20 m/s (our own scale: a breeze to a gale).

    Where the task plays in a vacuum, as most do, there is air from the onset on.
    """

    name, domain, strengths = "wind", "mujoco", (2.0, 5.0, 10.0, 15.0, 20.0)

    def edit(self, model: mujoco.MjModel, level: float) -> mujoco.MjModel:
        """A copy with wind against the x axis."""
        model = copy.copy(model)
        model.opt.wind[0] -= self.strength * level
        if model.opt.density == 0:
            model.opt.density = AIR
        return model
