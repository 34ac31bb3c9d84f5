"""What an episode came to beside its return."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning import envs
from lrs_lightning.rollout import RandomPolicy, rollout
from lrs_lightning.rollout.outcomes import Outcomes


def follow(outcomes: Outcomes, actions: Any, rewards: Any, t: int = 0, **infos: Any) -> None:
    n = len(rewards)
    outcomes.follow(
        np.asarray(actions), np.asarray(rewards), np.asarray(rewards)[:, None],
        np.full(n, t), infos,
    )  # fmt: skip


def traces(steps: list[tuple[Any, Any]]) -> list[str]:
    outcomes = Outcomes(len(steps[0][1]), None)
    for t, (actions, rewards) in enumerate(steps):
        follow(outcomes, actions, rewards, t)
    return [outcomes.of(i, len(steps), False)["outcome"] for i in range(len(steps[0][1]))]


def test_the_same_actions_and_rewards_are_the_same_outcome() -> None:
    actions = np.array([[0.1, -0.2], [0.1, -0.2], [0.1, np.nextafter(np.float32(-0.2), 0)]], "f4")
    a, b, c = traces([(actions, [1.0, 1.0, 1.0])] * 3)
    assert a == b != c  # one bit apart in one action
    assert len({*traces([([1, 1, 0], [0.0, 0.5, 0.0])])}) == 3  # other rewards, other actions


def test_the_order_of_steps_matters_and_so_does_their_number() -> None:
    there = traces([([0, 1], [0.0, 0.0]), ([1, 0], [0.0, 0.0])])
    assert there[0] != there[1]
    assert traces([([0], [0.0])]) != traces([([0], [0.0])] * 2)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64, np.bool_])
def test_actions_of_any_kind(dtype: Any) -> None:
    same, other = traces([(np.array([[0, 1], [1, 0]], dtype), [0.0, 0.0])])
    assert same != other


def test_a_slot_forgets_its_last_episode() -> None:
    outcomes = Outcomes(2, lambda seen: seen[:, 0] > 5)
    follow(outcomes, [1, 2], [9.0, 0.0], is_success=np.array([True, False]))
    before = outcomes.of(1, 1, False)
    outcomes.begin(np.array([0]))
    assert outcomes.of(0, 0, False)["fell_at"] is None
    assert outcomes.of(0, 0, False)["success"] is None
    assert outcomes.of(1, 1, False) == before and before["success"] is False


def test_the_last_fall_counts_if_nobody_gets_up_again() -> None:
    outcomes = Outcomes(3, lambda seen: seen[:, 0] > 5)
    for t, rewards in enumerate([[9.0, 0, 0], [9.0, 9, 0], [0.0, 9, 0], [9.0, 9, 0]]):
        follow(outcomes, [0, 0, 0], rewards, t)
    assert [outcomes.of(i, 4, False)["fell_at"] for i in range(3)] == [4, 2, None]


def test_an_end_by_the_task_is_a_fall_unless_it_is_a_success() -> None:
    outcomes = Outcomes(3, None)
    mask = {
        "is_success": np.array([True, False, None]),
        "_is_success": np.array([True, True, False]),
    }
    follow(outcomes, [0, 0, 0], [0.0] * 3, **mask)
    found = [outcomes.of(i, 7, True) for i in range(3)]
    assert [f["success"] for f in found] == [True, False, None]
    assert [f["fell_at"] for f in found] == [None, 7, 7]


class Goal(gym.Env[Any, Any]):
    """Solved by going up three times more often than down, within six steps."""

    observation_space = gym.spaces.Box(-9, 9, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at, self.steps = 0, 0
        return np.zeros(1), {}

    def step(self, action: Any) -> Any:
        self.at, self.steps = self.at + (1 if action else -1), self.steps + 1
        solved = self.at >= 2
        return np.array([float(self.at)]), 0.0, solved, self.steps >= 6, {"is_success": solved}


class Wandering:
    """Up or down by the throw of a coin."""

    def initial_state(self, num_envs: int) -> None:
        self.rng = np.random.default_rng(0)

    def step(self, observations: Any, state: Any, starts: Any) -> Any:
        return self.rng.integers(2, size=len(observations)), None


@pytest.fixture
def goal() -> Any:
    gym.register("Goal-v0", entry_point=Goal)
    yield "Goal-v0"
    del gym.registry["Goal-v0"]


def test_success_comes_from_the_environments_infos(goal: str) -> None:
    played = list(rollout({"p": Wandering()}, goal, ["clean"], range(12)))
    assert {e.success for e in played} == {True, False}
    for episode in played:
        assert episode.success == episode.terminated
        assert episode.fell_at is None
    assert 1 < len({e.outcome for e in played}) < 12  # few ways lead through six steps


def test_a_cheetah_on_its_back_has_fallen() -> None:
    fallen = envs.describe("HalfCheetah-v5").fallen
    assert fallen is not None
    seen = np.zeros((5, 17))
    seen[:, 1] = [0.0, 1.5, 1.7, -np.pi, 2 * np.pi]
    assert fallen(seen).tolist() == [False, False, True, True, False]
    assert envs.describe("Hopper-v5").fallen is None


def test_episodes_of_other_starts_are_other_outcomes_and_of_the_same_the_same() -> None:
    policy = RandomPolicy(envs.describe("HalfCheetah-v5").action_space)

    class Still:
        def initial_state(self, num_envs: int) -> None:
            return None

        def step(self, observations: Any, state: Any, starts: Any) -> Any:
            return np.zeros((len(observations), 6), np.float32), None

    first, again = (
        [
            e.outcome
            for e in rollout({"r": policy, "s": Still()}, "HalfCheetah-v5", ["clean"], [3, 4])
        ]
        for _ in range(2)
    )
    assert len({*first}) == 4 and sorted(first) == sorted(again)
