"""Training games: a lost life ends the return, the end of a game ends both."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.envs import atari_training
from lrs_lightning.envs.atari_training import TrainingGames

# Three games: one loses lives, one ends by itself with a life left, one is cut by its time limit.
LIVES = [[3, 3, 2], [2, 3, 2], [2, 3, 2], [1, 3, 2], [3, 3, 2]]
TERMINATED = [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]]
TRUNCATED = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]


class Scripted:
    """Answers as written above, whatever is done."""

    def __init__(self, game, num_envs, **how):
        self.how, self.t = how, 0
        self.single_action_space = type("Space", (), {"n": 4})

    def _infos(self):
        return {"lives": np.array(LIVES[self.t], np.int32)}

    def reset(self, seed):
        return np.zeros((3, 4, 84, 84), np.uint8), self._infos()

    def step(self, actions):
        self.t += 1
        ends = np.array(TERMINATED[self.t], bool), np.array(TRUNCATED[self.t], bool)
        return np.zeros((3, 4, 84, 84), np.uint8), np.ones(3, np.int32), *ends, self._infos()


def test_a_lost_life_is_an_end_of_the_return_alone(monkeypatch):
    monkeypatch.setattr(atari_training, "AtariVectorEnv", Scripted)
    games = TrainingGames("breakout", 3)
    games.reset(0)
    lost, over = [], []
    for _ in range(4):
        _, _, ends, whole = games.step(np.zeros(3, np.int64))
        lost.append(ends.astype(int).tolist())
        over.append(whole.astype(int).tolist())
    assert over == [[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    # The new game's lives are no loss, and no gain hides the end of the old one.
    assert lost == [[1, 0, 0], [0, 1, 0], [1, 0, 1], [1, 0, 0]]
    assert games._env.how["reward_clipping"] is False
    assert "episodic_life" not in games._env.how


def test_lives_are_lost_where_the_emulator_says_so():
    from ale_py.vector_env import AtariVectorEnv

    games = TrainingGames("breakout", 2)
    theirs = AtariVectorEnv(
        "breakout",
        2,
        autoreset_mode="SameStep",
        reward_clipping=False,
        repeat_action_probability=0.0,
        num_threads=1,
    )
    games.reset(5)
    before = theirs.reset(seed=5)[1]["lives"].copy()
    rng, count = np.random.default_rng(0), 0
    for _ in range(200):
        actions = rng.integers(0, 4, 2)
        _, _, terminated, truncated, infos = theirs.step(actions)
        _, _, lost, over = games.step(actions)
        expected = (infos["lives"] < before) | terminated | truncated
        np.testing.assert_array_equal(lost, expected)
        np.testing.assert_array_equal(over, terminated | truncated)
        before, count = infos["lives"].copy(), count + int(lost.sum())
    assert count > 2
    games.close()


@pytest.fixture(scope="module")
def played():
    """Two games of Breakout with a player of chance, until each is over once."""
    games, rng = TrainingGames("Breakout", 2), np.random.default_rng(0)
    first, steps, ended = games.reset(seed=3), [], np.zeros(2, bool)
    while not ended.all():
        steps.append(games.step(rng.integers(games.num_actions, size=2)))
        ended |= steps[-1][3]
    games.close()
    return first, *(np.array(part) for part in zip(*steps, strict=True))


def test_a_lost_life_ends_the_return_and_the_fifth_the_episode(played) -> None:
    *_, lost, over = played
    for game in range(2):
        for episode in np.split(lost[:, game], np.flatnonzero(over[:, game]) + 1)[:-1]:
            assert episode.sum() == 5 and episode[-1]


def test_what_is_seen_after_the_end_is_a_new_game(played) -> None:
    first, observations, _, _, over = played
    assert first.shape == observations.shape[1:] == (2, 4, 84, 84)
    assert first.dtype == observations.dtype == np.uint8
    end = np.flatnonzero(over[:, 0])[0]
    # All bricks are back, as at the start.
    assert observations[end, 0, -1, 15:40].sum() >= first[0, -1, 15:40].sum()


def test_rewards_are_those_of_the_game(played) -> None:
    _, _, rewards, _, _ = played
    assert set(np.unique(rewards)) <= {0, 1, 4, 7} and rewards.any()


def test_a_seed_decides_everything_and_each_game_has_its_own() -> None:
    def frames(seed: int, sticky: float) -> np.ndarray:
        games = TrainingGames("Breakout", 2, sticky=sticky)
        shown = [games.reset(seed)] + [games.step(np.full(2, k % 4))[0] for k in range(30)]
        games.close()
        return np.array(shown)

    once = frames(5, 0.5)
    np.testing.assert_array_equal(once, frames(5, 0.5))
    assert (once != frames(6, 0.5)).any()
    np.testing.assert_array_equal(once[:, 1], frames(6, 0.5)[:, 0])
    assert (once != frames(5, 0.0)).any()
