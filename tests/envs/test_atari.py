"""ALE's own vector environment is the judge, and each of its traps has a test."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ale_py")

from ale_py.vector_env import AtariVectorEnv

from lrs_lightning.envs import default_flavour, describe, make
from lrs_lightning.errors import ArgumentError, UnknownNameError
from tests.selection import long_only


def play(env, steps, seed=0, actions=4):
    """Frames and rewards of random actions; a game that has ended rests."""
    rng = np.random.default_rng(seed)
    return [env.step(rng.integers(0, actions, env.num_envs)) for _ in range(steps)]


@pytest.mark.parametrize(
    ("sticky", "stack"), [(0.0, 4), (0.25, 1), long_only((0.0, 1)), long_only((0.25, 4))]
)
def test_frames_and_rewards_are_those_of_ale(sticky, stack):
    ours = make("Breakout", 3, sticky=sticky, stack=stack)
    theirs = AtariVectorEnv(
        "breakout",
        3,
        num_threads=1,
        reward_clipping=False,
        repeat_action_probability=sticky,
        stack_num=stack,
    )
    seeds = [7, 3, 7]
    np.testing.assert_array_equal(ours.reset(seed=seeds)[0], theirs.reset(seed=np.array(seeds))[0])
    playing = np.ones(3, bool)
    rng = np.random.default_rng(0)
    for _ in range(250):
        actions = rng.integers(0, 4, 3)
        got, want = ours.step(actions), theirs.step(actions)
        for ours_part, theirs_part in zip(got[:4], want[:4], strict=True):
            np.testing.assert_array_equal(ours_part[playing], theirs_part[playing])
        playing &= ~(want[2] | want[3])
    assert not playing.all()
    ours.close()


def test_rewards_are_not_clipped():
    # ALE clips by default; Seaquest pays 20 for the first fish, and a clipped return would count
    # fish.
    env = make("Seaquest", 4)
    env.reset(seed=0)
    rewards = np.concatenate([step[1] for step in play(env, 400, actions=18)])
    assert set(rewards) == {0.0, 20.0}
    env.close()


def test_sticky_actions_are_off_unless_asked_for():
    # Gymnasium's ALE/...-v5 turns them on (0.25); the constructor has them off.
    def frames(**how):
        env = make("ALE/Breakout-v5", 1, **how)
        env.reset(seed=1)
        played = [step[0] for step in play(env, 60)]
        env.close()
        return played

    np.testing.assert_array_equal(frames(), frames(sticky=0.0))
    assert not np.array_equal(frames(), frames(sticky=0.25))


def test_an_ended_game_rests_until_it_is_reset():
    # In ALE's NEXT_STEP mode the step after the end ignores the action and starts another episode.
    env = make("Breakout", 2, max_frames=40)
    env.reset(seed=[1, 2])
    played = play(env, 14)
    ends = [i for i, step in enumerate(played) if step[3].any()]
    assert len(ends) == 1  # reported once, for both: they have the same limit
    assert all(not step[1].any() and not step[2].any() for step in played[ends[0] + 1 :])
    np.testing.assert_array_equal(played[-1][0], played[ends[0]][0])
    env.close()


def test_one_game_begins_anew_while_the_other_goes_on():
    env, alone = make("Breakout", 2), make("Breakout", 1)
    env.reset(seed=[5, 6])
    play(env, 30)
    before = env.step(np.zeros(2, int))[0]
    mask = np.array([True, False])
    observations, infos = env.reset(seed=[9, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(observations[1], before[1])
    np.testing.assert_array_equal(observations[:1], alone.reset(seed=[9])[0])
    assert infos == {}
    rng = np.random.default_rng(3)
    for _ in range(60):
        actions = rng.integers(0, 4, 2)
        both, one = env.step(actions), alone.step(actions[:1])
        np.testing.assert_array_equal(both[0][:1], one[0])
        assert both[1][0] == one[1][0]
    env.close()
    alone.close()


def test_a_first_stack_holds_nothing_older_than_the_episode():
    env = make("Seaquest", 2)
    observations, _ = env.reset(seed=3)
    assert observations.shape == (2, 4, 84, 84) and observations.dtype == np.uint8
    assert not observations[:, :3].any() and observations[:, 3].any(axis=(1, 2)).all()
    env.close()


def test_threads_change_nothing():
    env = make("Breakout", 3, threads=3, sticky=0.25)
    env.reset(seed=0)
    total = sum(int(step[0].astype(np.int64).sum()) for step in play(env, 40))
    env.close()
    # A number of this build of ale-py would prove nothing; the single-threaded run is the judge.
    judge = make("Breakout", 3, threads=1, sticky=0.25)
    judge.reset(seed=0)
    assert total == sum(int(step[0].astype(np.int64).sum()) for step in play(judge, 40))
    judge.close()


def test_episodes_are_cut_after_the_frames_asked_for():
    env = make("Pong", 1, max_frames=100)
    env.reset(seed=0)
    lengths = [step[3][0] for step in play(env, 30)]
    assert lengths.index(True) == 24 and not any(lengths[25:])
    env.close()


def test_a_lost_life_does_not_end_the_episode():
    env = make("Breakout", 1)
    env.reset(seed=0)
    lives = []
    for _ in range(400):
        step = env.step(np.array([1]))  # fire and stand still
        lives.append(int(step[4]["lives"][0]))
        if step[2][0]:
            break
    assert sorted(set(lives), reverse=True) == [5, 4, 3, 2, 1, 0]
    env.close()


def idle(game, steps, **how):
    """Rewards, lives and frames of a game whose player never does anything."""
    env = make(game, 1, **how)
    env.reset(seed=0)
    played = [env.step(np.array([0])) for _ in range(steps)]
    env.close()
    lives = [int(step[4]["lives"][0]) for step in played]
    return lives, [step[2][0] for step in played], [step[0][0] for step in played]


def test_an_idle_player_waits_for_ever_unless_fire_is_pressed_for_him():
    lives, ended, _ = idle("Breakout", 500)
    assert min(lives) == 4 and not any(ended)
    lives, ended, _ = idle("Breakout", 500, fire_lives=True)
    assert min(lives) == 0 and any(ended)


def test_the_fire_after_a_lost_life_is_a_decision_of_its_own():
    lives, _, frames = idle("Breakout", 100, fire_lives=True)
    lost, again = lives.index(4), lives.index(3)
    env = make("Breakout", 1)
    env.reset(seed=0)
    actions = [0] * (lost + 1) + [1] + [0] * (again - lost - 1)
    judged = [env.step(np.array([action]))[0][0] for action in actions]
    env.close()
    del judged[lost]  # the frames between the lost life and the fire, which nobody acts on
    np.testing.assert_array_equal(frames[:again], judged)


def test_games_without_fire_or_lives_are_played_as_ever():
    for game in ("Pong", "Freeway"):
        plain, fired = idle(game, 20), idle(game, 20, fire_lives=True)
        np.testing.assert_array_equal(plain[2], fired[2])


def test_wrong_actions_are_told():
    env = make("Breakout", 2)
    env.reset(seed=0)
    with pytest.raises(ArgumentError, match=r"expected 2 integers, got shape \(3,\)"):
        env.step(np.zeros(3, int))
    with pytest.raises(ArgumentError, match="expected 2 integers"):
        env.step(np.zeros(2))
    env.close()


def test_an_action_the_game_lacks_ends_only_its_own_episode():
    env = make("Breakout", 2)
    env.reset(seed=0)
    _, _, terminated, _, infos = env.step(np.array([99, 0]))
    assert terminated.tolist() == [True, False]
    assert infos["error"][0] == "action 99 is none of the 4 actions of the game"
    assert infos["_error"].tolist() == [True, False]
    env.close()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sticky": 1.0}, "sticky is 1.0"),
        ({"stack": 0}, "stack is 0"),
        ({"frames": 3}, "choose among sticky, stack"),
        ({"models": [None]}, "1 models for 2 env"),
    ],
)
def test_wrong_options_are_told(how, message):
    with pytest.raises(ArgumentError, match=message):
        make("Breakout", 2, **how)


def test_an_unknown_game_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'seaquest'"):
        make("ALE/Seaqest-v5", 1)


def test_what_is_known_before_a_game_is_built():
    info = describe("Seaquest")
    assert info.env_id == "ALE/Seaquest-v5" and info.domain == "atari"
    assert info.observation_space.shape == (4, 84, 84) and info.action_space.n == 18
    assert info.base_model == default_flavour("Seaquest") and info.max_episode_steps == 4500
