"""The game in Python and the game in C++ are each other's reference; flavours differ from both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.envs import default_flavour, make
from lrs_lightning.envs.atari_games import FastGame, FlavouredGame, Preprocessing
from lrs_lightning.errors import ArgumentError


@pytest.mark.parametrize(
    ("game", "how"),
    [
        ("Breakout", {"sticky": 0.25, "max_frames": 600}),
        ("Seaquest", {"stack": 1, "max_frames": 401}),
        ("Pong", {"noop_max": 0, "fire_reset": False, "max_frames": 300}),
        ("MsPacman", {"frame_skip": 3, "max_frames": 400}),
    ],
)
@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_both_games_agree_to_the_last_bit(game, how, seed):
    preprocessing = Preprocessing(**how)
    fast = FastGame(default_flavour(game), preprocessing)
    slow = FlavouredGame(default_flavour(game), preprocessing)
    np.testing.assert_array_equal(fast.reset(seed), slow.reset(seed))
    rng = np.random.default_rng(0)
    for _ in range(500):
        action = int(rng.integers(3))
        fast.send(action), slow.send(action)
        got, want = fast.receive(), slow.receive()
        np.testing.assert_array_equal(got.frames, want.frames)
        assert got[1:] == want[1:]
        if got.terminated or got.truncated:
            break
    assert got.terminated or got.truncated


def test_flavours_change_the_game_and_only_where_asked():
    default = default_flavour("Breakout")
    models = [default, replace(default, mode=12), replace(default, difficulty=1)]
    env = make("Breakout", 3, models=models)
    env.reset(seed=[4, 4, 4])
    rng = np.random.default_rng(0)
    for _ in range(120):
        frames = env.step(np.full(3, rng.integers(4)))[0]
    alone = make("Breakout", 1)
    alone.reset(seed=[4])
    rng = np.random.default_rng(0)
    for _ in range(120):
        expected = alone.step(np.full(1, rng.integers(4)))[0]
    np.testing.assert_array_equal(frames[0], expected[0])
    assert not np.array_equal(frames[1], frames[0])
    assert not np.array_equal(frames[2], frames[0])
    env.close()
    alone.close()


def test_a_row_takes_another_flavour_at_its_next_episode():
    default = default_flavour("Breakout")
    env = make("Breakout", 2)
    first = env.reset(seed=[1, 1])[0]
    env.reset(seed=[1, 1], options={"models": {1: replace(default, mode=24)}})
    frames = [env.step(np.array([2, 2]))[0] for _ in range(60)][-1]
    assert not np.array_equal(frames[0], frames[1])
    back = env.reset(seed=[1, 1], options={"models": {1: default}})[0]
    np.testing.assert_array_equal(back, first)
    env.close()


def test_a_running_game_cannot_change_its_flavour():
    default = default_flavour("Breakout")
    env = make("Breakout", 2)
    env.reset(seed=[1, 1])
    with pytest.raises(ArgumentError, match="game 1 is running: modes and difficulties change"):
        env.set_models({1: replace(default, mode=24)})
    env.set_models({1: default})  # nothing changes
    env.close()


@pytest.mark.parametrize(
    ("game", "modes", "difficulties"), [("Breakout", 12, 2), ("Pong", 2, 4), ("Seaquest", 1, 2)]
)
def test_how_many_flavours_there_are(game, modes, difficulties):
    flavour = default_flavour(game)
    assert (len(flavour.modes), len(flavour.difficulties)) == (modes, difficulties)


def test_a_flavour_the_game_lacks_is_told():
    with pytest.raises(ArgumentError, match="seaquest has no mode 3: choose among"):
        replace(default_flavour("Seaquest"), mode=3)
    with pytest.raises(ArgumentError, match="seaquest has no difficulty 7"):
        replace(default_flavour("Seaquest"), difficulty=7)
