"""Shifts of actions, `(n, A)` of a box or `(n,)` of a discrete space."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange


class ActionShift(Shift):
    """Base of shifts that change what is executed."""

    domain = "actions"
    fades = False

    @property
    def space(self) -> Any:
        """The environment's action space."""
        return self.context.action_space

    @property
    def is_discrete(self) -> bool:
        """Whether actions are numbers of a list, rather than vectors."""
        return isinstance(self.space, gym.spaces.Discrete)

    def check(self) -> None:
        """Half a range, or its middle, takes bounds."""
        if not self.is_discrete and not self.space.is_bounded():
            raise EnvironmentMismatchError(
                f"shift {self.name!r} is measured in the range of the actions, and those of "
                f"{self.context.env_id} have no bounds: take sensor shifts, or wrap it in "
                "RescaleAction of gymnasium.wrappers"
            )

    def without_effect(self) -> str | None:
        """Where there is only one action, it stays."""
        if self.is_discrete and self.space.n == 1:
            return f"{self.context.env_id} has a single action"
        return None

    def neutral(self) -> Array:
        """An action that does little: the middle of a box, the first of a list (Atari's no-op)."""
        if self.is_discrete:
            return np.asarray(self.space.start)
        middle: Array = ((self.space.low + self.space.high) / 2).astype(self.space.dtype)
        return middle

    def memory(self, *lengths: int) -> Array:
        """Room for actions, `(*lengths, ...)`."""
        return np.zeros((*lengths, *(self.space.shape or ())), self.space.dtype)


class ActionNoise(ActionShift):
    """Gaussian noise on every action, or a random action in the place of a discrete one.

    Strengths: 0.1, 0.2, 0.3, 0.4, 0.5 of half the range, or probabilities (our own scale).
    """

    name, strengths = "action_noise", (0.1, 0.2, 0.3, 0.4, 0.5)

    def act(self, actions: Array, now: Moment) -> Array:
        """Within the bounds of the space."""
        if self.is_discrete:
            chance, choice = now.uniform(2).T
            anywhere = self.space.start + (choice * self.space.n).astype(np.int64)
            return np.where(chance < self.strength * now.level, anywhere, actions)
        half = (self.space.high - self.space.low) / 2
        noise = self.strength * now.per_row(actions) * half * now.normal(*actions.shape[1:])
        executed: Array = np.clip(actions + noise, self.space.low, self.space.high)
        return executed.astype(actions.dtype)


class ActionGain(ActionShift):
    """Actions reach the actuators too weak: factors 0.9 to 0.5 about the middle of the range.

    Domain-randomisation studies take factors from [0.7, 1.3].
    """

    name, strengths, fades = "action_gain", (0.9, 0.8, 0.7, 0.6, 0.5), True
    strength_range = StrengthRange(1.0, limit=0.0)

    def check(self) -> None:
        """Discrete actions have no size."""
        if self.is_discrete:
            raise EnvironmentMismatchError(
                f"shift 'action_gain' scales actions, and {self.context.env_id} has a list of "
                "them; take action_noise or action_sticky"
            )
        super().check()

    def act(self, actions: Array, now: Moment) -> Array:
        """Scale what exceeds the middle of the range."""
        middle = self.neutral()
        return (middle + self.strength * (actions - middle)).astype(actions.dtype)


class ActionDelay(ActionShift):
    """Actions are executed late: 1 to 5 steps. Until the first arrives, the neutral one is.

    Domain-randomisation studies delay by 1 to 3 steps.
    """

    name, strengths = "action_delay", (1, 2, 3, 4, 5)
    strength_range = StrengthRange(limit=20, whole=True)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._past = self.memory(rows, int(strength) + 1)

    def begin(self, now: Moment) -> None:
        """Nothing is under way yet."""
        self._past[now.rows] = self.neutral()

    def act(self, actions: Array, now: Moment) -> Array:
        """What was wanted `strength` steps ago."""
        length = self._past.shape[1]
        self._past[now.rows, now.times % length] = actions
        late = np.rint(self.strength * now.level).astype(np.int64)
        executed: Array = self._past[now.rows, (now.times - late) % length]
        return executed


class ActionSticky(ActionShift):
    """With some probability the last executed action is repeated.

    Strengths: probabilities 0.1, 0.25, 0.4, 0.5, 0.6; 0.25 is the standard of the Arcade Learning
    Environment (Machado et al., 2018).
    """

    name, strengths = "action_sticky", (0.1, 0.25, 0.4, 0.5, 0.6)
    strength_range = StrengthRange(limit=0.99)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._last = self.memory(rows)

    def act(self, actions: Array, now: Moment) -> Array:
        """The first action of an episode is always its own."""
        stuck = (now.uniform() < self.strength * now.level) & (now.times > 0)
        stuck = stuck.reshape(-1, *(1,) * (actions.ndim - 1))
        executed = np.where(stuck, self._last[now.rows], actions)
        self._last[now.rows] = executed
        return executed
