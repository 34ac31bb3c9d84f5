"""What policies remember, step by step: the same numbers as a window or a loop gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import CORES, PolicyConfig, build_policy
from lrs_lightning.rollout import RandomPolicy, TorchPolicy, rollout

HOPPER = describe("Hopper-v5")


def module(cell: str, hidden: int = 6) -> torch.nn.Module:
    torch.manual_seed(hidden)
    config = PolicyConfig(core=CORES[cell](hidden_size=hidden, rank=2))
    return build_policy(config, HOPPER.observation_space, HOPPER.action_space).double().eval()


def played(policies, **more):
    return rollout(policies, "Hopper-v5", ["clean"], range(5), record=True, **more)


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_states_are_those_of_the_same_window(cell):
    policy = module(cell)
    for episode in played({"p": TorchPolicy(policy)}, record_states=True, num_envs=2):
        steps = episode.trajectory
        assert set(steps.states) == ({"h", "c"} if cell == "lstm" else {"h"})
        observations = torch.from_numpy(steps.observations)[None]
        for t in (0, 1, episode.length // 2, episode.length - 1):
            with torch.no_grad():
                _, after = policy.unroll(observations[:, : t + 1])
            parts = after if isinstance(after, tuple) else (after,)
            for name, part in zip(steps.states, parts, strict=True):
                assert steps.states[name].shape == (episode.length, 6)
                np.testing.assert_allclose(steps.states[name][t], part[0, 0].numpy(), atol=1e-9)


def test_policies_of_other_sizes_and_kinds_play_side_by_side():
    policies = {
        "small": TorchPolicy(module("cfc", 4)),
        "random": RandomPolicy(HOPPER.action_space),
        "large": TorchPolicy(module("lstm", 8)),
    }
    widths = {"small": {"h": 4}, "random": {}, "large": {"h": 8, "c": 8}}
    for episode in played(policies, record_states=True):
        states = episode.trajectory.states
        expected = {n: (episode.length, w) for n, w in widths[episode.policy].items()}
        assert {name: array.shape for name, array in states.items()} == expected


class Counting:
    """Counts its steps, in whatever form of state a test asks for, and writes into it in place."""

    def __init__(self, form):
        self.form = form

    def initial_state(self, num_envs):
        return self.form(np.zeros(num_envs))

    def step(self, observations, state, starts):
        for part in parts_of(state):
            part[starts] = 0
            part += 1
        return np.zeros((len(starts), 3), np.float32), state


def parts_of(state):
    if isinstance(state, np.ndarray):
        return [state]
    return list(state.values()) if isinstance(state, dict) else list(state)


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (lambda z: z, {"h"}),
        (lambda z: (z, z + 5), {"h", "c"}),
        (lambda z: [z, z + 1, z + 2], {"state_0", "state_1", "state_2"}),
        (lambda z: {"mood": z[:, None]}, {"mood"}),
    ],
)
def test_policies_in_numpy_are_recorded_and_copied(form, names):
    for episode in played({"p": Counting(form)}, record_states=True):
        states = episode.trajectory.states
        assert set(states) == names
        for array in states.values():
            np.testing.assert_array_equal(array.ravel(), np.arange(1, episode.length + 1))


def test_a_policy_may_say_what_its_state_is():
    class Speaking(Counting):
        def __init__(self):
            super().__init__(lambda z: [z])

        def state_arrays(self, state):
            return {"steps": state[0]}

    for episode in played({"p": Speaking()}, record_states=True):
        assert list(episode.trajectory.states) == ["steps"]


@pytest.mark.parametrize(
    "state", [SimpleNamespace(h=np.zeros(5)), (np.zeros(5), "word"), {"h": 3}, np.zeros((1, 5))]
)
def test_a_state_of_another_kind_is_told_and_harmless_unless_recorded(state):
    class Odd(Counting):
        def initial_state(self, num_envs):
            return state

        def step(self, observations, state, starts):
            return np.zeros((len(starts), 3), np.float32), state

    odd = Odd(None)
    assert len(list(played({"p": odd}))) == 5
    with pytest.raises(ArgumentError, match="state of policy 'p' is no array .*state_arrays"):
        list(played({"p": odd}, record_states=True))
