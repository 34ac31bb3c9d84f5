"""Shifts in a game: severity 0 is the game, one transform for a whole stack, flavours change it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.rollout import rollout

SHORT = {"max_frames": 160}


class Steady:
    """Plays a fixed sequence of actions, whatever it sees."""

    def initial_state(self, num_envs):
        return np.zeros(num_envs, np.int64)

    def step(self, observations, state, starts):
        state = np.where(starts, 0, state + 1)
        return (state * 7 // 3) % 4, state


@cache
def clean():
    return observations("clean")


def observations(condition, seeds=(3,), **how):
    played = rollout(
        {"p": Steady()}, "Breakout", [condition], seeds, record=True, env_kwargs={**SHORT, **how}
    )
    return next(iter(played)).trajectory.observations


@pytest.mark.parametrize(
    "shift",
    [
        "gaussian_noise",
        "brightness_up",
        "contrast",
        "occlusion",
        "blur",
        "frame_freeze",
        "ale_mode",
    ],
)
def test_severity_0_is_the_game_to_the_last_bit(shift):
    np.testing.assert_array_equal(observations(f"{shift}@0"), clean())


@pytest.mark.parametrize(
    "shift", ["gaussian_noise", "brightness_up", "contrast", "occlusion", "blur", "frame_freeze"]
)
def test_a_stack_holds_the_frames_seen_one_by_one(shift):
    stacks, singles = observations(f"{shift}@3"), observations(f"{shift}@3", stack=1)
    assert not np.array_equal(stacks, clean())
    for age in range(4):
        later = stacks[age:, 3 - age]
        np.testing.assert_array_equal(later, singles[: len(singles) - age, 0])


@pytest.mark.parametrize("shift", ["ale_mode@3", "ale_difficulty@1"])
def test_flavours_are_shifts_of_the_dynamics(shift):
    shifted = observations(shift)
    assert shifted.shape == clean().shape and not np.array_equal(shifted, clean())
    np.testing.assert_array_equal(shifted, observations(shift))


def test_a_flavour_the_game_lacks_is_told():
    with pytest.raises(EnvironmentMismatchError, match="ale_mode"):
        list(rollout({"p": Steady()}, "Seaquest", ["ale_mode@1"], [0], env_kwargs=SHORT))


def test_a_flavour_cannot_come_in_the_middle_of_a_game():
    from lrs_lightning.shifts import Condition

    condition = Condition.parse({"shift": "ale_mode", "severity": 1, "onset": 5})
    with pytest.raises(ArgumentError, match="change between episodes only"):
        list(rollout({"p": Steady()}, "Breakout", [condition], [0], env_kwargs=SHORT))


def test_results_depend_neither_on_the_number_of_games_nor_on_threads():
    def returns(num_envs, threads):
        played = rollout(
            {"p": Steady()}, "Breakout", ["clean", "occlusion@2"], [1, 2, 3],
            num_envs=num_envs, threads=threads, env_kwargs={"max_frames": 200},
        )  # fmt: skip
        return sorted((e.key, e.return_, e.length) for e in played)

    assert returns(1, 1) == returns(4, 2) == returns(6, 1)
