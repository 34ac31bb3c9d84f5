"""Modes and difficulties of a game: ready-made shifts of its dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lrs_lightning.envs.atari_names import rom_name, rom_path
from lrs_lightning.errors import ArgumentError


@dataclass(frozen=True)
class Flavour:
    """A mode and a difficulty of a game, out of those it has; what dynamics shifts edit.

    The word is that of Machado et al. (2018), "Revisiting the Arcade Learning Environment".

    Raises:
        ArgumentError: the game has no such mode or difficulty.

    Example:
        >>> from dataclasses import replace
        >>> replace(default_flavour("Breakout"), mode=4).is_default
        False
    """

    game: str
    """ALE's name of the game."""
    modes: tuple[int, ...]
    """All its modes, the default one first."""
    difficulties: tuple[int, ...]
    """All its difficulties, the default one first."""
    mode: int
    difficulty: int

    def __post_init__(self) -> None:
        for what, value, there_is in (
            ("mode", self.mode, self.modes),
            ("difficulty", self.difficulty, self.difficulties),
        ):
            if value not in there_is:
                raise ArgumentError(f"{self.game} has no {what} {value}: choose among {there_is}")

    @property
    def is_default(self) -> bool:
        """Whether the game is played in its default mode and difficulty."""
        return self.mode == self.modes[0] and self.difficulty == self.difficulties[0]


@cache
def default_flavour(game: str) -> Flavour:
    """The default flavour of a game, which knows all its modes and difficulties."""
    from ale_py import ALEInterface, LoggerMode

    name = rom_name(game)
    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.loadROM(rom_path(name))
    modes, difficulties = map(list, (ale.getAvailableModes(), ale.getAvailableDifficulties()))
    mode, difficulty = int(modes[0]), int(difficulties[0])
    return Flavour(name, tuple(modes), tuple(difficulties), mode, difficulty)
