"""Observations and actions of any layout become one array each, the same for all who see it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from lrs_lightning.data import Task
from lrs_lightning.envs import describe, make
from lrs_lightning.envs.layouts import channels_first
from lrs_lightning.errors import ArgumentError


def picture(*shape: int) -> spaces.Box:
    return spaces.Box(0, 255, shape, np.uint8)


VECTOR = spaces.Box(-1, 1, (3,))
SEEN = {
    "Dict": (spaces.Dict({"seen": VECTOR, "goal": spaces.Box(-1, 1, (2, 2))}), (7,), np.float32),
    "Only": (spaces.Dict({"seen": VECTOR}), (3,), np.float32),
    "OnlyPicture": (spaces.Dict({"pixels": picture(9, 8, 3)}), (3, 9, 8), np.uint8),
    "Matrix": (spaces.Box(-1, 1, (2, 3)), (6,), np.float32),
    "Number": (spaces.Box(-1, 1, ()), (1,), np.float32),
    "Double": (spaces.Box(-1, 1, (3,), np.float64), (3,), np.float64),
    "Whole": (spaces.Box(-5, 5, (3,), np.int64), (3,), np.float32),
    "One of": (spaces.Discrete(4), (4,), np.float32),
    "Several": (spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)]), (5,), np.float32),
    "Board": (picture(7, 7, 3), (147,), np.float32),
    "Bytes": (picture(128), (128,), np.uint8),
    "Grey": (picture(9, 8), (1, 9, 8), np.uint8),
    "ChannelsLast": (picture(9, 8, 3), (3, 9, 8), np.uint8),
    "GreyLast": (picture(9, 8, 1), (1, 9, 8), np.uint8),
    "ChannelsFirst": (picture(3, 9, 8), (3, 9, 8), np.uint8),
    "Stack": (picture(4, 9, 8), (4, 9, 8), np.uint8),
    "ColourStack": (picture(2, 9, 8, 3), (6, 9, 8), np.uint8),
    "FirstStack": (picture(2, 3, 9, 8), (6, 9, 8), np.uint8),
}
COLOURED = {"OnlyPicture", "ChannelsLast", "ChannelsFirst", "ColourStack", "FirstStack"}
DONE = {
    "Matrix": (spaces.Box(-1, 1, (2, 3)), spaces.Box(-1, 1, (6,))),
    "Number": (spaces.Box(-1, 1, ()), spaces.Box(-1, 1, (1,))),
    "Choices": (spaces.MultiDiscrete([3, 2], start=[0, -1]), spaces.Discrete(6)),
    "Switches": (spaces.MultiBinary(3), spaces.Discrete(8)),
    "WholeNumbers": (spaces.Box(-1, 1, (2,), np.int64), spaces.Discrete(9)),
}
REFUSED = {
    "Text": (spaces.Text(3), spaces.Discrete(2), "no array.*--wrappers module:Class"),
    "Sequence": (spaces.Sequence(VECTOR), spaces.Discrete(2), "no array.*--wrappers module:Class"),
    "Mixed": (
        spaces.Dict({"camera": picture(9, 8, 3), "joints": VECTOR}),
        spaces.Discrete(2),
        r"FilterObservation\(filter_keys=\[\"camera\"\]\).*numbers with filter_keys=\[\"joints\"\]",
    ),
    "Deep": (
        spaces.Tuple([spaces.Dict({"camera": picture(9, 8)}), VECTOR]),
        spaces.Discrete(2),
        "pictures and numbers together",
    ),
    "Parts": (VECTOR, spaces.Dict({"a": VECTOR}), "takes Dict.*no array"),
    "Many": (VECTOR, spaces.MultiDiscrete([99, 99]), "more than 4096 combinations"),
    "Open": (VECTOR, spaces.Box(0, np.inf, (2,), np.int64), "more than 4096 combinations"),
}


class Shown(gym.Env):
    """Shows samples of its space, and remembers what was done."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert action in self.action_space
        self.done = action
        return self.observation_space.sample(), 1.0, False, False, {}


@pytest.fixture
def shown():
    """Register one, and forget it afterwards."""
    name = "LayoutOf-v0"

    def register(observation_space, action_space):
        spaces_ = {"observation_space": observation_space, "action_space": action_space}
        gym.register(name, entry_point=Shown, kwargs=spaces_, max_episode_steps=4)
        return name

    yield register
    gym.registry.pop(name, None)


def in_order(space: gym.Space[Any], sample: Any, shape: tuple[int, ...]) -> Any:
    """What a sample is to become, by NumPy and Gymnasium alone."""
    if isinstance(space, spaces.Dict) and len(space) == 1:
        ((space, sample),) = zip(space.values(), sample.values(), strict=True)
    if len(shape) == 3:
        last = sample.shape[-1] in (1, 3)
        moved = np.moveaxis(sample, -1, -3) if sample.ndim > 2 and last else sample
        return moved.reshape(shape)
    return np.reshape(gym.spaces.flatten(space, sample), shape)


@pytest.mark.parametrize("name", SEEN)
def test_what_is_shown_becomes_one_array(shown, name):
    space, shape, dtype = SEEN[name]
    env_id = shown(space, spaces.Discrete(3, start=2))
    info = describe(env_id)
    assert Task.of("A-v0", info.observation_space, info.action_space).observation_shape == shape
    assert (info.observation_space.shape, info.observation_space.dtype) == (shape, dtype)
    assert info.frame_channels == (3 if name in COLOURED else 1)
    env = make(env_id, 2)
    seen, _ = env.reset(seed=[3, 4])
    space.seed(4)
    assert seen.shape == (2, *shape) and seen.dtype == dtype
    np.testing.assert_array_equal(seen[1], in_order(space, space.sample(), shape))
    assert seen[1] in info.observation_space
    seen, rewards, *_ = env.step(np.array([2, 4]))
    assert seen.shape == (2, *shape) and rewards.tolist() == [1, 1]
    env.close()


@pytest.mark.parametrize("name", DONE)
def test_what_is_done_is_given_as_one_array(shown, name):
    space, expected = DONE[name]
    env_id = shown(VECTOR, space)
    assert describe(env_id).action_space == expected
    env = make(env_id, 1)
    env.reset(seed=[0])
    given = range(expected.n) if isinstance(expected, spaces.Discrete) else [expected.sample()]
    done = set()
    for action in given:
        _, _, _, truncated, infos = env.step(np.array([action]))
        assert "error" not in infos
        done.add(env.envs[0].unwrapped.done.tobytes())
        if truncated[0]:
            env.reset(seed=[0])
    assert len(done) == len(given)
    env.close()


def test_combinations_count_the_last_choice_fastest(shown):
    env = make(shown(VECTOR, spaces.MultiDiscrete([3, 2], start=[0, -1])), 1)
    env.reset(seed=[0])
    env.step(np.array([np.ravel_multi_index((2, 0), (3, 2))]))
    assert env.envs[0].unwrapped.done.tolist() == [2, -1]
    env.close()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_array_is_refused_with_what_would_help(shown, name):
    seen, done, sentence = REFUSED[name]
    with pytest.raises(ArgumentError, match=sentence):
        describe(shown(seen, done))


def test_the_wrapper_that_is_named_helps(shown):
    env_id = shown(REFUSED["Mixed"][0], spaces.Discrete(2))
    with pytest.raises(ArgumentError) as told:
        describe(env_id)
    named = re.findall(r"filter_keys=(\[[^]]*\])", str(told.value))
    assert len(named) == 2
    for keys, shape in zip(named, ((3, 9, 8), (3,)), strict=True):
        wrapped = f"{env_id}+FilterObservation(filter_keys={keys})"
        assert describe(wrapped).observation_space.shape == shape


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((84, 84, 3), (2, 0, 1)),
        ((4, 84, 84), None),
        ((3, 84, 84), None),
        ((4, 84, 84, 3), (0, 3, 1, 2)),
        ((4, 3, 84, 84), (0, 1, 2, 3)),
        ((84, 84), (0, 1)),
    ],
)
def test_where_the_channels_are(shape, axes):
    assert channels_first(shape) == axes
