"""What games are called: `Seaquest`, `ALE/Seaquest-v5` and ALE's own `seaquest` are one game."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from lrs_lightning.errors import ArgumentError, UnknownNameError

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Games whose digits or capitals do not follow the rule of all others.
_EXCEPTIONS = {"TicTacToe3D": "tic_tac_toe_3d"}


@cache
def _roms() -> frozenset[str]:
    try:
        from ale_py import roms
    except ImportError as error:
        raise ArgumentError(
            "Atari needs ale-py, which is not installed: pip install 'lrs-lightning[atari]'"
        ) from error
    return frozenset(roms.get_all_rom_ids())


def _snake(name: str) -> str:
    bare = re.sub(r"^ALE/", "", name)
    bare = re.sub(r"(NoFrameskip|Deterministic)?-v\d+$", "", bare)
    return _EXCEPTIONS.get(bare) or _CAMEL.sub("_", bare).lower()


def rom_name(name: str) -> str:
    """ALE's name of a game, e.g. `ms_pacman` for `ALE/MsPacman-v5`.

    Raises:
        UnknownNameError: no such game; the nearest name is offered.
        ArgumentError: ale-py, which brings the games, is not installed.
    """
    snake = _snake(name)
    if snake not in _roms():
        near = get_close_matches(snake, _roms(), n=4, cutoff=0.4)
        raise UnknownNameError("Atari game", snake, near or _roms())
    return snake


def rom_path(name: str) -> Path:
    """The file of a game.

    Raises:
        UnknownNameError: no such game.
        ArgumentError: its file is not where ale-py looks for it.
    """
    from ale_py import roms

    rom = rom_name(name)
    path = roms.get_rom_path(rom)
    if path is None or not Path(path).is_file():
        raise ArgumentError(
            f"the ROM of {rom} is missing ({path}): reinstall ale-py, which brings it, or set "
            "ALE_ROMS_DIR to a folder that has it"
        )
    return Path(path)


@cache
def action_names(name: str) -> tuple[str, ...]:
    """What the actions of a game are called, e.g. `("NOOP", "FIRE", "RIGHT", "LEFT")`.

    Raises:
        UnknownNameError: no such game.
        ArgumentError: its file is missing.
    """
    path = rom_path(name)
    from ale_py import ALEInterface, LoggerMode

    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.loadROM(path)
    return tuple(action.name for action in ale.getMinimalActionSet())


def is_atari(name: str) -> bool:
    """Whether an environment's name is that of a game, right or misspelt in `ALE/...`.

    A bare version, as in `Blackjack-v1`, belongs to Gymnasium's own tasks.
    """
    if name.startswith("ALE/"):
        return True
    if re.search(r"-v\d+$", name) and "NoFrameskip" not in name:
        return False
    try:
        return _snake(name) in _roms()
    except ArgumentError:
        return False


def canonical_id(name: str) -> str:
    """The one spelling kept in files, Gymnasium's: `ALE/MsPacman-v5`."""
    rom = rom_name(name)
    camel = {snake: camel for camel, snake in _EXCEPTIONS.items()}.get(rom)
    return f"ALE/{camel or ''.join(word.capitalize() for word in rom.split('_'))}-v5"
