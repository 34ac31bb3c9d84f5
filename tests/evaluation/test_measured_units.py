"""When the unit of sensor noise is measured, and on what: the deviation of clean episodes, measured when somebody needs it."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.evaluation import evaluate as module
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.units import EPISODES, SEED, measured_context, needs_units
from lrs_lightning.experts import load_expert
from lrs_lightning.rollout import rollout
from lrs_lightning.shifts import Condition


class Push:
    """A constant push, the same for every task with one action."""

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.full((len(observations), 1), 0.3, np.float32), None


def watched(env_id, act):
    """What plain Gymnasium shows in the clean episodes."""
    env, seen = gym.make(env_id), []
    for seed in range(SEED, SEED + EPISODES):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            seen.append(observation)
            observation, _, terminated, truncated, _ = env.step(act(observation))
            over = terminated or truncated
    return np.array(seen)


def test_it_is_the_deviation_of_two_clean_episodes():
    context = measured_context("Pendulum-v1", {"p": Push(), "other": None})
    seen = watched("Pendulum-v1", lambda observation: np.full(1, 0.3, np.float32))
    np.testing.assert_allclose(context.observation_std, seen.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(context.observation_mean, seen.mean(axis=0), rtol=1e-6)


def test_the_shipped_expert_plays_where_there_is_one():
    context = measured_context("HalfCheetah-v5", {"p": Push()})
    expert = load_expert("shipped", "HalfCheetah-v5")
    seeds = range(SEED, SEED + EPISODES)
    played = rollout({"e": expert}, "HalfCheetah-v5", ["clean"], seeds, record=True)
    seen = np.concatenate([episode.trajectory.observations for episode in played])
    np.testing.assert_allclose(context.observation_std, seen.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        ("clean", False),
        ("mass@2", False),
        ("action_noise@2", False),
        ("sensor_noise@2", True),
        ("sensor_bias@2", True),
        ("mass@2+sensor_noise@1", True),
        ("sensor_noise[onset=5]@1", True),
    ],
)
def test_who_needs_it(condition, needed):
    assert needs_units([Condition("clean"), Condition(condition)]) == needed


@pytest.mark.parametrize("needed", [True, False])
def test_it_is_measured_if_it_is_needed_and_only_then(needed, monkeypatch):
    asked = []

    def measure(*arguments):
        asked.append(arguments[0])
        return measured_context(*arguments)

    monkeypatch.setattr(module, "measured_context", measure)
    suite = ["sensor_noise@2"] if needed else ["action_noise@2"]
    references = {"expert": None, "random": -1000.0}
    summary = evaluate({"p": Push()}, "Pendulum-v1", suite, 2, references=references)
    assert len(summary.conditions) == 2
    assert asked == ["Pendulum-v1"] * needed
