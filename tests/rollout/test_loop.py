"""The closed loop: each episode once, nothing leaks into the next, faults stay where they are."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, LrsError
from lrs_lightning.rollout import RandomPolicy, rollout
from lrs_lightning.shifts import ShiftContext

CHEETAH = "HalfCheetah-v5"


class Counting:
    """Counts the steps of each episode, and compares: right only if `starts` are exact."""

    last = None

    def initial_state(self, num_envs):
        return np.full(num_envs, 777.0)

    def step(self, observations, state, starts):
        state = np.where(starts, 0.0, state + 1)
        resting = np.zeros(len(state), bool)
        if self.last is not None:  # rows that have run out of episodes show the same for ever
            resting = (observations == self.last).all(axis=1) & ~starts
        np.testing.assert_array_equal(state[~resting], observations[~resting, 1])
        self.last = observations.copy()
        return np.zeros((len(state), 1), np.float32), state


class Reactive:
    """A feed-forward policy of CHEETAH in float64, row by row: the same for any batch."""

    def __init__(self):
        self.weight = np.random.default_rng(0).normal(size=(6, 17))

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        rows = [np.tanh(self.weight @ row) for row in observations]
        return np.array(rows, np.float32), None


def keyed(episodes):
    return {episode.key: episode for episode in episodes}


def played(**kwargs):
    conditions = ["clean", "sensor_noise@2", "sensor_delay@3", "mass@3", "friction[onset=10]@5"]
    context = ShiftContext(observation_std=np.ones(17))
    arguments = {"context": context, "env_kwargs": {}, **kwargs}
    env_id = "HalfCheetahShort-v0"
    policies = {"a": Reactive(), "random": RandomPolicy(describe(env_id).action_space)}
    return rollout(policies, env_id, conditions, [5, 6, 7], **arguments)


@pytest.fixture(scope="module", autouse=True)
def short_cheetah():
    import gymnasium as gym

    entry = "gymnasium.envs.mujoco.half_cheetah_v5:HalfCheetahEnv"
    gym.register("HalfCheetahShort-v0", entry, max_episode_steps=40)


@pytest.mark.parametrize("num_envs", [1, 4, 100])
def test_hidden_state_is_reset_exactly_at_starts_and_every_episode_is_played_once(num_envs):
    episodes = list(
        rollout({"p": Counting()}, "Lengths-v0", ["clean"], range(20), num_envs=num_envs)
    )
    assert sorted(e.episode for e in episodes) == list(range(20))
    assert {e.length for e in episodes} == {1, 50}
    assert all(e.return_ == e.length and e.status == "ok" and e.terminated for e in episodes)


def test_the_mean_is_not_biased_to_short_episodes():
    policies = {"p": Counting()}
    seeds = range(400)
    lengths = [e.length for e in rollout(policies, "Lengths-v0", ["clean"], seeds, num_envs=99)]
    margin = 1.96 * np.std(lengths) / np.sqrt(len(lengths))
    assert abs(np.mean(lengths) - (1 + 50) / 2) < margin
    # A loop that stops at the first results of refilled slots would see the short ones only:
    assert np.mean(lengths[:60]) < np.mean(lengths) - margin


@pytest.mark.parametrize("other", [{"threads": 1}, {"num_envs": 3}, {"num_envs": 7, "threads": 3}])
def test_episodes_depend_on_neither_threads_nor_slots(other):
    one, two = keyed(played(record=True)), keyed(played(record=True, **other))
    assert one.keys() == two.keys()
    assert len(one) == 2 * 5 * 3
    for key, episode in one.items():
        assert episode.return_ == two[key].return_
        for part in ("observations", "actions", "labels", "rewards"):
            np.testing.assert_array_equal(
                getattr(episode.trajectory, part), getattr(two[key].trajectory, part)
            )
    returns = {e.return_ for e in one.values() if e.policy == "a"}
    assert len(returns) == 5 * 3, "every shift must leave its mark"


def test_done_episodes_are_left_out_and_the_others_stay_the_same():
    everything = keyed(played())
    half = list(everything)[::2]
    rest = keyed(played(done=half))
    assert rest.keys() == everything.keys() - set(half)
    assert all(everything[key].return_ == episode.return_ for key, episode in rest.items())
    assert list(played(done=list(everything))) == []


@pytest.mark.parametrize(
    ("fault", "length", "sentence"),
    [
        ("Reset", 0, "OSError: no motor"),
        ("Step", 0, "OSError: no motor"),
        ("Reward", 0, "reward of step 0 is not finite"),
    ],
)
@pytest.mark.parametrize("num_envs", [2, 8])
def test_a_broken_environment_fails_its_own_episode_only(fault, length, sentence, num_envs):
    class Still(Counting):
        def step(self, observations, state, starts):
            return np.zeros((len(observations), 1), np.float32), state

    episodes = keyed(
        rollout({"p": Still()}, f"Lengths{fault}-v0", ["clean"], range(8), num_envs=num_envs)
    )
    assert len(episodes) == 8
    broken = episodes.pop(("p", "clean", 0, 3))
    assert (broken.status, broken.length, broken.return_) == ("failed", length, 0.0)
    assert sentence in broken.error
    assert all(e.status == "ok" and e.return_ == e.length for e in episodes.values())


def test_an_action_that_is_not_finite_fails_the_episode():
    class Sick(Reactive):
        def step(self, observations, state, starts):
            actions, _ = super().step(observations, state, starts)
            state = (0 if state is None else state) + 1
            if state == 5:
                actions[1] = np.nan
            return actions, state

    episodes = keyed(rollout({"p": Sick()}, "HalfCheetahShort-v0", ["clean"], [1, 2, 3]))
    assert [episodes["p", "clean", 0, k].status for k in range(3)] == ["ok", "failed", "ok"]
    assert episodes["p", "clean", 0, 1].error == "the policy's action of step 4 is not finite"
    assert episodes["p", "clean", 0, 1].length == 4


def test_the_recording_is_what_gymnasium_would_have_shown():
    import gymnasium as gym

    sigmas = [0.0, 0.5]
    for episode in rollout(
        {"p": Reactive()}, CHEETAH, ["clean"], [8, 9], exploration=sigmas, record=True
    ):
        steps = episode.trajectory
        env = gym.make(CHEETAH)
        seen, _ = env.reset(seed=episode.seed)
        for t in range(episode.length):
            np.testing.assert_array_equal(steps.observations[t], seen)
            seen, reward, *_ = env.step(steps.actions[t])
            assert reward == steps.rewards[t]
        assert episode.length == 1000
        assert episode.return_ == pytest.approx(steps.rewards.sum(), abs=1e-9)
        noise = steps.actions - steps.labels
        assert np.abs(steps.actions).max() <= 1
        inside = np.abs(steps.labels) < 0.05
        assert noise[inside].std() == pytest.approx(sigmas[episode.episode], rel=0.15)


def test_progress_counts_to_the_end():
    seen = []
    list(rollout({"p": Counting()}, "Lengths-v0", ["clean"], range(9), on_progress=seen.append))
    assert (seen[-1].done, seen[-1].total, seen[-1].fraction) == (9, 9, 1.0)
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_stopping_early_closes_the_environments():
    loop = rollout({"p": Counting()}, "Lengths-v0", ["clean"], range(9))
    next(loop)
    loop.close()


class WithSpaces(Reactive):
    observation_space = describe(CHEETAH).observation_space


class Narrow(Reactive):
    def step(self, observations, state, starts):
        return np.zeros((len(observations), 2), np.float32), None


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        (LrsError, ({"p": Reactive()}, "HalfCheeta-v5", ["clean"], [0]), "did you mean"),
        (LrsError, ({"p": Reactive()}, CHEETAH, ["mas@3"], [0]), "did you mean 'mass'"),
        (LrsError, ({"p": Reactive()}, CHEETAH, ["mass@6"], [0]), "severities 0 to 5, not 6"),
        (LrsError, ({"p": Reactive()}, CHEETAH, ["sensor_noise@1"], [0]), "observation_std"),
        (LrsError, ({"p": Reactive()}, "Lengths-v0", ["mass@1"], [0]), "MuJoCo's physics"),
        (ArgumentError, ({"p": Reactive()}, CHEETAH, ["mass@1", "mass@1"], [0]), "twice"),
        (ArgumentError, ({}, CHEETAH, ["clean"], [0]), "at least one policy"),
        (ArgumentError, ({"p": 1}, CHEETAH, ["clean"], []), "at least one"),
        (
            EnvironmentMismatchError,
            ({"p": WithSpaces()}, "Hopper-v5", ["clean"], [0]),
            "policy 'p'",
        ),
        (EnvironmentMismatchError, ({"p": Reactive()}, "Hopper-v5", ["clean"], [0]), "cannot act"),
        (EnvironmentMismatchError, ({"p": Narrow()}, CHEETAH, ["clean"], [0]), r"shape \(1, 2\)"),
    ],
)
def test_bad_input_gets_one_sentence(kind, arguments, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        list(rollout(*arguments))
    assert "\n" not in str(caught.value)


def test_exploration_needs_a_strength_for_each_episode():
    with pytest.raises(ArgumentError, match="1 strengths for 2 episodes"):
        rollout({"p": Reactive()}, CHEETAH, ["clean"], [0, 1], exploration=[0.1])


class Breaking:
    """A vector environment that raises as a whole at its third step, and works again after that."""

    def __init__(self, env):
        self.env, self.steps = env, 0

    def __getattr__(self, name):
        return getattr(self.env, name)

    def step(self, actions):
        self.steps += 1
        if self.steps == 3:
            raise MemoryError("out of\nmemory")
        return self.env.step(actions)


def test_a_batch_that_breaks_fails_what_was_running_and_the_rest_is_played(monkeypatch):
    from lrs_lightning.rollout import loop

    make = loop.envs.make
    monkeypatch.setattr(loop.envs, "make", lambda *args, **kw: Breaking(make(*args, **kw)))
    episodes = keyed(
        rollout({"p": Reactive()}, "HalfCheetahShort-v0", ["clean"], range(5), num_envs=2)
    )
    status = [episodes["p", "clean", 0, k].status for k in range(5)]
    assert status == ["failed", "failed", "ok", "ok", "ok"]
    assert episodes["p", "clean", 0, 0].error == "MemoryError: out of memory"
    assert [episodes["p", "clean", 0, k].length for k in range(5)] == [2, 2, 40, 40, 40]


def test_a_slot_that_failed_may_break_again_without_ending_twice():
    class Sick(Counting):
        def step(self, observations, state, starts):
            return np.full((len(observations), 1), np.nan, np.float32), state

    # The action ends the episode at once, and the environment raises at that very step.
    episodes = list(rollout({"p": Sick()}, "LengthsStep-v0", ["clean"], range(6), num_envs=2))
    assert sorted(e.episode for e in episodes) == list(range(6))
    assert {e.status for e in episodes} == {"failed"}
    assert all("action of step 0 is not finite" in e.error for e in episodes)


def test_physics_changes_in_the_middle_as_gymnasium_would_have_it():
    import gymnasium as gym
    import mujoco

    condition = "mass[onset=10]@5"
    (episode,) = rollout({"p": Reactive()}, "HalfCheetahShort-v0", [condition], [3], record=True)
    env = gym.make("HalfCheetah-v5")
    seen, _ = env.reset(seed=3)
    for t in range(40):
        if t == 10:
            model = env.unwrapped.model
            model.body_mass[:] *= 2
            model.body_inertia[:] *= 2
            mujoco.mj_setConst(model, mujoco.MjData(model))
        np.testing.assert_array_equal(episode.trajectory.observations[t], seen)
        seen, reward, *_ = env.step(episode.trajectory.actions[t])
        assert episode.trajectory.rewards[t] == reward


def test_what_was_recorded_under_a_shift_is_what_was_seen_and_done():
    conditions = ["sensor_delay@2", "action_delay@2", "clean"]
    episodes = {
        e.shift: e.trajectory
        for e in rollout({"p": Reactive()}, "HalfCheetahShort-v0", conditions, [3], record=True)
    }
    late = episodes["sensor_delay"]
    np.testing.assert_array_equal(late.observations[0], late.observations[2])
    np.testing.assert_array_equal(late.actions, late.labels)
    slow = episodes["action_delay"]
    np.testing.assert_array_equal(slow.actions[2:], slow.labels[:-2])
    np.testing.assert_array_equal(slow.actions[:2], 0)
    first = [t.observations[0] for t in episodes.values()]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], first[2])


@pytest.mark.parametrize(("policies", "slots"), [(1, 256), (3, 256), (16, 1024)])
def test_many_policies_get_more_slots(policies, slots):
    from lrs_lightning.rollout.playing import default_slots

    assert default_slots(describe(CHEETAH), policies) == slots


def test_a_population_plays_in_one_call():
    members = {f"member {k}": Reactive() for k in range(3)}
    for k, member in enumerate(members.values()):
        member.weight = np.random.default_rng(k).normal(size=(6, 17))
    together = keyed(rollout(members, "HalfCheetahShort-v0", ["clean", "mass@2"], [1, 2]))
    assert len(together) == 3 * 2 * 2
    for name, member in members.items():
        for e in rollout({name: member}, "HalfCheetahShort-v0", ["clean", "mass@2"], [1, 2]):
            assert together[e.key].return_ == e.return_
