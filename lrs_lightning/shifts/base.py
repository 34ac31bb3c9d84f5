"""What a shift is, what it may know, and the moment at which it acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts.draws import Draws, Rows
from lrs_lightning.shifts.physics import same_physics
from lrs_lightning.shifts.strength import StrengthRange

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ShiftContext:
    """What shifts may know of the task. Whatever is absent is taken from the environment.

    Attributes:
        observation_mean: mean of each channel of the training data, `(O,)`.
        observation_std: deviation of each channel of the training data, `(O,)`: the unit of sensor
            noise and bias.
        observation_space: what the environment shows.
        action_space: what the environment takes.
        dynamics: the domain of the environment, whose physics can be edited (`EnvInfo.domain`).
        base_model: the unedited physics; `None` where nothing can be edited.
        velocity_channels: the observation channels that hold velocities.
        max_episode_steps: steps of a whole episode, where there is such a limit.
        env_id: the task's name, for messages.
        frame_channels: how many channels of pictures belong to one frame (`EnvInfo`).
    """

    observation_mean: NDArray[Any] | None = None
    observation_std: NDArray[Any] | None = None
    observation_space: gym.Space[Any] | None = None
    action_space: gym.Space[Any] | None = None
    dynamics: str = "other"
    base_model: Any = None
    velocity_channels: tuple[int, ...] = ()
    max_episode_steps: int | None = None
    env_id: str = "this environment"
    frame_channels: int = 1

    @property
    def sees_frames(self) -> bool:
        """Whether observations are pictures (uint8), rather than vectors of sensors."""
        space = self.observation_space
        return space is not None and space.dtype == np.uint8 and len(space.shape or ()) >= 2


@dataclass(frozen=True)
class Moment:
    """Which episodes a shift is asked about, how far they are, and their random numbers."""

    rows: Rows
    """Slots `(n,)`: where a shift with memory keeps what belongs to an episode."""
    times: Rows
    """Steps `(n,)` since the episodes began."""
    level: NDArray[np.float64]
    """How much of the full severity acts, `(n,)` in [0, 1]."""
    draws: Draws

    def normal(self, *shape: int, stream: int = 0) -> Array:
        """Standard normal numbers `(n, *shape)` of this step; a second set needs another stream."""
        return self.draws.per_step("normal", self.rows, self.times, shape, stream)

    def uniform(self, *shape: int, stream: int = 0) -> Array:
        """Uniform numbers in [0, 1), `(n, *shape)`, of this step."""
        return self.draws.per_step("uniform", self.rows, self.times, shape, stream)

    def episode_normal(self, *shape: int, stream: int = 0) -> Array:
        """Standard normal numbers `(n, *shape)` that stay the same for the whole episode."""
        return self.draws.per_episode("normal", self.rows, shape, stream)

    def episode_uniform(self, *shape: int, stream: int = 0) -> Array:
        """Uniform numbers in [0, 1), `(n, *shape)`, that stay the same for the whole episode."""
        return self.draws.per_episode("uniform", self.rows, shape, stream)

    def per_row(self, array: Array) -> Array:
        """The level, shaped to multiply `array (n, ...)`."""
        return self.level.reshape(-1, *(1,) * (array.ndim - 1)).astype(array.dtype)


class Shift:
    """Base of all shifts, and all a shift of one's own has to provide.

    Name the class in the entry-point group `lrs_lightning.shifts` (or call `shifts.register`), give
    it `name`, `domain` and `strengths`, and override what it changes. Inputs must not be changed.
    It acts on many episodes at once: row i of every array belongs to slot `now.rows[i]`.

    Args:
        strength: the entry of `strengths` at the condition's severity.
        context: what is known of the task.
        rows: number of slots N, for shifts that remember.

    Example:
        >>> class Fog(Shift):
        ...     name, domain, strengths = "fog", "frames", (0.1, 0.2, 0.3, 0.4, 0.5)
        ...     def observe(self, observations, now):
        ...         return observations * (1 - self.strength) + self.strength
    """

    name: ClassVar[str]
    domain: ClassVar[str]
    """What it changes, and by which method. By `observe`: `"frames"` (the newest before stacking,
    float32 in [0, 1], `(n, H, W)` or `(n, H, W, 3)`) or `"sensors"` (`(n, O)`). By `act`:
    `"actions"`. By `edit`: the physics of a domain of environments: `"mujoco"`, `"atari"`,
    `"other"`, or the name of one that is registered."""
    strengths: ClassVar[tuple[float, ...]]
    """The strength of severities 1, 2, ..."""
    strength_range: ClassVar[StrengthRange | None] = StrengthRange()
    """Where strengths begin and end, for `calibrate`; None where they are no scale at all."""
    fades: ClassVar[bool] = True
    """Whether half of it is the mean of clean and shifted observation. A shift of which that is not
    true (a delay, a probability) sets `False` and reads `now.level` itself."""

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        self.strength, self.context, self.rows = strength, context, rows

    def begin(self, now: Moment) -> None:
        """Episodes start in `now.rows`: forget what was remembered, draw what lasts an episode."""

    def observe(self, observations: Array, now: Moment) -> Array:
        """What the policy sees instead of `observations (n, ...)`."""
        return observations

    def act(self, actions: Array, now: Moment) -> Array:
        """What is executed instead of `actions (n, ...)`."""
        return actions

    def edit(self, model: Any, level: float) -> Any:
        """A copy of the physics, shifted to `level` in [0, 1] of the severity."""
        return model

    def check(self) -> None:
        """Raise an `LrsError` if the task lacks what this shift needs."""

    def without_effect(self) -> str | None:
        """Why this shift changes nothing in this task, in a sentence; `None` where it may.

        A condition of which this is known is not played: it would show no robustness. Here
        a physics that an edit leaves as it was is found; override it where more can be known.
        """
        base = self.context.base_model
        if type(self).edit is Shift.edit or not same_physics(base, self.edit(base, 1.0)):
            return None
        return f"{self.name} leaves the physics of {self.context.env_id} as it was"
