"""Shifts of an Atari game's physics: its other modes and difficulties (`envs.Flavour`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts.base import Shift


class GameVariant(Shift):
    """Base of both: severity k is the game's k-th other variant."""

    domain, strengths = "atari", (1, 2, 3, 4, 5)
    strength_range = None
    what = ""

    def check(self) -> None:
        """Many games have few variants, or none."""
        if len(self._others()) < self.strength:
            others = ", ".join(map(str, self._others())) or "none"
            raise EnvironmentMismatchError(
                f"shift {self.name!r} at severity {self.strength:.0f}: {self.context.env_id} has "
                f"{len(self._others())} other {self.what} ({others})"
            )

    def edit(self, model: Any, level: float) -> Any:
        """The variant; a game has none in between, so it is reached once its level is above 0."""
        return replace(model, **{self.what: self._others()[int(self.strength) - 1]})

    def _others(self) -> list[int]:
        base = self.context.base_model
        plural = "modes" if self.what == "mode" else "difficulties"
        return [v for v in getattr(base, plural, ()) if v != getattr(base, self.what)]


class AleMode(GameVariant):
    """Another mode of the game, in the order of the Arcade Learning Environment."""

    name, what = "ale_mode", "mode"


class AleDifficulty(GameVariant):
    """Another difficulty of the game, in the order of the Arcade Learning Environment."""

    name, what = "ale_difficulty", "difficulty"
