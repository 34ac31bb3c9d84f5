"""Shifts of sensors, `(n, O)` or of any other shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange


class SensorNoise(Shift):
    """Gaussian noise on every channel, in units of the training data's deviation.

    Strengths: 0.05, 0.1, 0.2, 0.3, 0.4 deviations. Domain-randomisation studies use 0.01 to 0.1 and
    the ncps tutorial on partially observed HalfCheetah 0.1; the rest continues the scale.
    """

    name, domain, strengths = "sensor_noise", "sensors", (0.05, 0.1, 0.2, 0.3, 0.4)

    def check(self) -> None:
        """The unit must be known."""
        training_deviation(self)

    def without_effect(self) -> str | None:
        """A unit of zero is no noise."""
        return _no_unit(self)

    def observe(self, observations: Array, now: Moment) -> Array:
        """Fresh noise at every step."""
        sigma = self.strength * training_deviation(self)
        return observations + sigma * now.normal(*observations.shape[1:])


class SensorBias(Shift):
    """A constant offset of each channel, of random sign, in the training data's deviations.

    Strengths: 0.1, 0.2, 0.3, 0.4, 0.5 deviations (our own scale: uncalibrated sensors).
    """

    name, domain, strengths = "sensor_bias", "sensors", (0.1, 0.2, 0.3, 0.4, 0.5)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._offset = np.zeros((rows, *observation_shape(context)))

    def check(self) -> None:
        """The unit must be known."""
        training_deviation(self)

    def without_effect(self) -> str | None:
        """A unit of zero is no offset."""
        return _no_unit(self)

    def begin(self, now: Moment) -> None:
        """Draw the signs."""
        up = now.episode_uniform(*self._offset.shape[1:]) < 0.5
        self._offset[now.rows] = np.where(up, 1, -1) * self.strength * training_deviation(self)

    def observe(self, observations: Array, now: Moment) -> Array:
        """The same offset throughout the episode."""
        return observations + self._offset[now.rows]


class SensorDropout(Shift):
    """Each channel is lost at each step with some probability.

    Strengths: probabilities 0.05, 0.1, 0.2, 0.3, 0.5 (our own scale).

    Args:
        strength: probability that a channel is lost.
        context: what is known of the task.
        rows: number of slots N.
        mode: what a lost channel shows: its last value that arrived (`"hold"`), or `"zero"`.
    """

    name, domain, strengths = "sensor_dropout", "sensors", (0.05, 0.1, 0.2, 0.3, 0.5)
    strength_range = StrengthRange(limit=1.0)
    fades = False

    def __init__(
        self, strength: float, context: ShiftContext, rows: int, mode: str = "hold"
    ) -> None:
        super().__init__(strength, context, rows)
        if mode not in ("hold", "zero"):
            raise ArgumentError(f"sensor_dropout: mode {mode!r} is neither 'hold' nor 'zero'")
        self._hold = mode == "hold"
        self._last = np.zeros((rows, *observation_shape(context)))

    def observe(self, observations: Array, now: Moment) -> Array:
        """Lost channels hold their last value or are zero; the first observation arrives whole."""
        lost = now.uniform(*observations.shape[1:]) < self.strength * now.per_row(observations)
        lost[now.times == 0] = False
        if not self._hold:
            return np.where(lost, 0.0, observations)
        seen = np.where(lost, self._last[now.rows], observations)
        self._last[now.rows] = seen
        return seen


class SensorDelay(Shift):
    """Observations arrive late.

    Strengths: 1 to 5 steps; domain-randomisation studies use 1 to 3. Until the first one arrives
    late, the first observation is shown.
    """

    name, domain, strengths = "sensor_delay", "sensors", (1, 2, 3, 4, 5)
    strength_range = StrengthRange(limit=20, whole=True)
    fades = False

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._past = np.zeros((rows, int(strength) + 1, *observation_shape(context)))

    def observe(self, observations: Array, now: Moment) -> Array:
        """What was seen `strength` steps ago."""
        length = self._past.shape[1]
        self._past[now.rows, now.times % length] = observations
        late = np.rint(self.strength * now.level).astype(np.int64)
        late_steps = np.maximum(now.times - late, 0) % length
        seen: Array = self._past[now.rows, late_steps]
        return seen


class VelocityRemoved(Shift):
    """Velocity channels are gone: they show the training data's mean, or zero where it is unknown.

    Strengths: 20, 40, 60, 80 and 100 % of the velocity channels, chosen anew for each episode. All
    of them is the partially observed HalfCheetah of the ncps tutorial.
    """

    name, domain, strengths = "velocity_removed", "sensors", (0.2, 0.4, 0.6, 0.8, 1.0)
    strength_range = StrengthRange(limit=1.0)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._removed = np.zeros((rows, *observation_shape(context)), bool)
        self._count = round(strength * len(context.velocity_channels))

    def check(self) -> None:
        """The task must tell which channels are velocities, and their mean fit."""
        mean, shape = self.context.observation_mean, observation_shape(self.context)
        if mean is not None and np.shape(mean) != shape:
            raise ArgumentError(
                f"observation_mean: shape {np.shape(mean)}, and an observation has {shape}"
            )
        if not self.context.velocity_channels:
            raise ArgumentError(
                f"velocity_removed: {self.context.env_id} does not tell which channels are "
                "velocities; pass context=ShiftContext(velocity_channels=...)"
            )

    def without_effect(self) -> str | None:
        """A small share of few channels is none."""
        total = len(self.context.velocity_channels)
        if self._count:
            return None
        return f"{self.strength:.0%} of {total} velocity channels of {self.context.env_id} are none"

    def begin(self, now: Moment) -> None:
        """Choose the channels."""
        channels = np.array(self.context.velocity_channels)
        order = np.argsort(now.episode_uniform(len(channels)), axis=1)
        chosen = channels[order[:, : self._count]]
        self._removed[now.rows] = False
        self._removed[now.rows[:, None], chosen] = True

    def observe(self, observations: Array, now: Moment) -> Array:
        """The same channels are gone throughout the episode."""
        mean = self.context.observation_mean
        return np.where(self._removed[now.rows], 0.0 if mean is None else mean, observations)


def observation_shape(context: ShiftContext) -> tuple[int, ...]:
    """Shape of one observation."""
    space = context.observation_space
    return tuple(space.shape or ()) if space is not None else ()


def _no_unit(shift: Shift) -> str | None:
    if training_deviation(shift).any():
        return None
    return (
        f"the training data's deviation, its unit, is 0 in all channels of {shift.context.env_id}"
    )


def training_deviation(shift: Shift) -> NDArray[Any]:
    """The deviation `(O,)` of the training data.

    Raises:
        ArgumentError: if it is unknown or has another shape than an observation.
    """
    deviation = shift.context.observation_std
    if deviation is None:
        raise ArgumentError(
            f"{shift.name} is measured in deviations of the training data: pass "
            "context=ShiftContext(observation_std=...)"
        )
    shape = observation_shape(shift.context)
    if np.shape(deviation) != shape:
        raise ArgumentError(
            f"observation_std: shape {np.shape(deviation)}, and an observation has {shape}"
        )
    return np.asarray(deviation, np.float64)
