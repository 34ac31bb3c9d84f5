"""Modes and difficulties of a game: ready-made shifts of its dynamics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from lrs_lightning.envs.atari_names import rom_name, rom_path
from lrs_lightning.errors import ArgumentError


@dataclass(frozen=True)
class Flavour:
    """A mode and a difficulty of a game, out of those it has; what dynamics shifts edit.

    Example:
        >>> flavours("Breakout").with_mode(4).mode
        4
    """

    game: str
    """ALE's name of the game."""
    modes: tuple[int, ...]
    """All its modes, the usual one first."""
    difficulties: tuple[int, ...]
    """All its difficulties, the usual one first."""
    mode: int
    difficulty: int

    @property
    def is_usual(self) -> bool:
        """Whether the game is played as always."""
        return self.mode == self.modes[0] and self.difficulty == self.difficulties[0]

    def with_mode(self, mode: int) -> Flavour:
        """The same game in another mode.

        Raises:
            ArgumentError: the game has no such mode.
        """
        if mode not in self.modes:
            raise ArgumentError(f"{self.game} has no mode {mode}: choose among {self.modes}")
        return replace(self, mode=mode)

    def with_difficulty(self, difficulty: int) -> Flavour:
        """The same game at another difficulty.

        Raises:
            ArgumentError: the game has no such difficulty.
        """
        if difficulty not in self.difficulties:
            raise ArgumentError(
                f"{self.game} has no difficulty {difficulty}: choose among {self.difficulties}"
            )
        return replace(self, difficulty=difficulty)


@cache
def flavours(game: str) -> Flavour:
    """The usual flavour of a game, which knows all the others."""
    from ale_py import ALEInterface, LoggerMode

    name = rom_name(game)
    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.loadROM(rom_path(name))
    modes, difficulties = map(list, (ale.getAvailableModes(), ale.getAvailableDifficulties()))
    usual_mode, usual_difficulty = int(modes[0]), int(difficulties[0])
    return Flavour(name, tuple(modes), tuple(difficulties), usual_mode, usual_difficulty)
