"""One policy acts, another says what it would have done: what rounds of DAgger are made of."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.rollout import RandomPolicy, TorchPolicy, rollout

ENV = "Lengths-v0"  # sees (coin, step), lives 1 or 50 steps, takes one number in [-1, 1]


class Constant:
    """Wants the same number at every step."""

    def __init__(self, value: float) -> None:
        self.value = value

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.full((len(observations), 1), self.value, np.float32), None


class Sums:
    """Says a hundredth of all steps that it has seen of an episode: right only if it remembers."""

    def initial_state(self, num_envs):
        return np.full(num_envs, 1e6)

    def step(self, observations, state, starts):
        state = np.where(starts, 0.0, state) + observations[:, 1]
        return (state[:, None] / 100).astype(np.float32), state


@pytest.mark.parametrize("num_envs", [2, 5, 40])
def test_the_labeller_follows_what_the_actor_sees_and_never_acts(num_envs):
    episodes = rollout(
        {"a": Constant(0.5), "b": Constant(-3.0)},
        ENV,
        ["clean", "sensor_delay@2"],
        range(9),
        record=True,
        labeller=Sums(),
        num_envs=num_envs,
    )
    count = 0
    for episode in episodes:
        steps, count = episode.trajectory, count + 1
        wanted = {"a": 0.5, "b": -3.0}[episode.policy]
        np.testing.assert_array_equal(steps.wanted, np.full((episode.length, 1), wanted))
        np.testing.assert_array_equal(steps.actions, np.clip(steps.wanted, -1, 1))
        expected = steps.observations[:, 1].cumsum() / 100
        np.testing.assert_allclose(steps.labels[:, 0], expected, rtol=1e-6)
    assert count == 2 * 2 * 9


def test_without_one_each_policy_labels_itself_and_nothing_is_kept_twice():
    for episode in rollout({"a": Constant(2.0)}, ENV, ["clean"], range(4), record=True):
        assert episode.trajectory.labels is episode.trajectory.wanted
        assert episode.trajectory.states == {}


def test_the_actor_plays_as_if_nobody_looked():
    def played(**more):
        policies = {"r": RandomPolicy(describe("Hopper-v5").action_space)}
        episodes = rollout(
            policies, "Hopper-v5", ["clean", "mass@3"], range(3), record=True, **more
        )
        return {e.key: e.trajectory for e in episodes}

    alone, watched = played(), played(labeller=Constant3(), record_states=True)
    assert alone.keys() == watched.keys()
    for key, steps in alone.items():
        for part in ("observations", "actions", "wanted", "rewards"):
            np.testing.assert_array_equal(getattr(watched[key], part), getattr(steps, part))
        assert (watched[key].labels == 0.25).all()


class Constant3(Constant):
    """Labels of three numbers."""

    def __init__(self) -> None:
        super().__init__(0.25)

    def step(self, observations, state, starts):
        return np.full((len(observations), 3), self.value, np.float32), None


def test_a_recurrent_student_is_labelled_by_an_expert(tmp_path):
    import torch

    from lrs_lightning.experts import load_expert
    from lrs_lightning.nn import PolicyConfig, build_policy, cores

    info = describe("HalfCheetah-v5")
    expert = load_expert("shipped", "HalfCheetah-v5")
    torch.manual_seed(0)
    config = PolicyConfig(core=cores.CfC(hidden_size=8, rank=2))
    module = build_policy(config, info.observation_space, info.action_space)
    (episode,) = rollout(
        {"student": TorchPolicy(module)},
        "HalfCheetah-v5",
        ["clean"],
        [0],
        record=True,
        labeller=expert,
    )
    steps = episode.trajectory
    expected, _ = expert.step(steps.observations)
    np.testing.assert_allclose(steps.labels, expected, atol=1e-5)
    assert np.abs(steps.labels - steps.wanted).mean() > 0.1


def test_a_label_that_is_not_finite_fails_the_episode():
    class Sick(Sums):
        def step(self, observations, state, starts):
            labels, state = super().step(observations, state, starts)
            labels[observations[:, 1] == 3] = np.nan
            return labels, state

    episodes = list(
        rollout({"a": Constant(0)}, ENV, ["clean"], range(12), record=True, labeller=Sick())
    )
    assert {e.length for e in episodes} == {1, 3}
    for episode in episodes:
        assert (episode.status == "failed") == (episode.length == 3)
        assert episode.status == "ok" or "labeller's action of step 3" in episode.error


@pytest.mark.parametrize(
    ("kind", "more", "sentence"),
    [
        (ArgumentError, {"labeller": Constant(0), "record": False}, "give record=True"),
        (ArgumentError, {"record_states": True, "record": False}, "give record=True"),
        (EnvironmentMismatchError, {"labeller": Constant3()}, r"'labeller' gives .*\(2, 3\)"),
        (
            EnvironmentMismatchError,
            {"labeller": RandomPolicy(describe("Hopper-v5").action_space)},
            "policy 'labeller' was made for the action space",
        ),
    ],
)
def test_bad_input_gets_one_sentence(kind, more, sentence):
    arguments = {"record": True, **more}
    with pytest.raises(kind, match=sentence) as caught:
        list(rollout({"a": Constant(0)}, ENV, ["clean"], range(2), **arguments))
    assert "\n" not in str(caught.value)
