"""What games are called: `Seaquest`, `ALE/Seaquest-v5` and ALE's own `seaquest` are one game."""

from __future__ import annotations

import re

from lrs_lightning.errors import ArgumentError, UnknownNameError


def _roms() -> set[str]:
    try:
        from ale_py import roms
    except ImportError as error:
        raise ArgumentError(
            "Atari needs ale-py, which is not installed: pip install 'lrs-lightning[atari]'"
        ) from error
    return set(roms.get_all_rom_ids())


def _snake(name: str) -> str:
    bare = re.sub(r"^ALE/|(NoFrameskip|Deterministic)?-v\d+$", "", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()


def rom_name(name: str) -> str:
    """ALE's name of a game, e.g. `ms_pacman` for `ALE/MsPacman-v5`.

    Raises:
        UnknownNameError: no such game; the nearest name is offered.
    """
    roms, snake = _roms(), _snake(name)
    if snake not in roms:
        raise UnknownNameError("Atari game", snake, roms)
    return snake


def is_atari(name: str) -> bool:
    """Whether an environment's name is that of a game, without asking for ale-py otherwise."""
    if name.startswith("ALE/"):
        return True
    try:
        return _snake(name) in _roms()
    except ArgumentError:
        return False


def env_id(name: str) -> str:
    """The one spelling kept in files: `ALE/MsPacman-v5`."""
    words = rom_name(name).split("_")
    return "ALE/" + "".join(word.capitalize() for word in words) + "-v5"
