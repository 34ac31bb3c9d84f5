"""Games for training: episodes that follow one another, and lives that end the return alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.envs.atari_training import TrainingGames


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
