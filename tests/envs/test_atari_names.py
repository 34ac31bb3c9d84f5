from __future__ import annotations

import pytest

pytest.importorskip("ale_py")

from lrs_lightning.envs.atari_names import canonical_id, is_atari, rom_name, rom_path
from lrs_lightning.errors import ArgumentError, UnknownNameError

SAME = [
    ("Seaquest", "seaquest", "ALE/Seaquest-v5"),
    ("ALE/MsPacman-v5", "ms_pacman", "ALE/MsPacman-v5"),
    ("SpaceInvadersNoFrameskip-v4", "space_invaders", "ALE/SpaceInvaders-v5"),
    ("TicTacToe3D", "tic_tac_toe_3d", "ALE/TicTacToe3D-v5"),
    ("pitfall2", "pitfall2", "ALE/Pitfall2-v5"),
]


@pytest.mark.parametrize(("name", "rom", "full"), SAME)
def test_all_spellings_are_one_game(name, rom, full):
    assert is_atari(name) and rom_name(name) == rom and canonical_id(name) == full


def test_every_id_of_gymnasium_is_found():
    import ale_py
    import gymnasium as gym

    gym.register_envs(ale_py)
    ids = [name for name in gym.registry if name.startswith("ALE/")]
    assert len(ids) > 100 and all(canonical_id(name) == name for name in ids)


@pytest.mark.parametrize("name", ["HalfCheetah-v5", "Blackjack-v1", "CartPole-v1", "Nonsense"])
def test_other_tasks_are_not_games(name):
    assert not is_atari(name)


def test_a_misspelt_game_is_still_a_game_and_told():
    assert is_atari("ALE/Brekout-v5")
    with pytest.raises(UnknownNameError, match="did you mean 'breakout'"):
        rom_name("ALE/Brekout-v5")


def test_a_missing_rom_is_told(monkeypatch, tmp_path):
    from ale_py import roms

    monkeypatch.setattr(roms, "get_rom_path", lambda name: tmp_path / f"{name}.bin")
    with pytest.raises(ArgumentError, match="the ROM of pong is missing .*reinstall ale-py"):
        rom_path("Pong")
