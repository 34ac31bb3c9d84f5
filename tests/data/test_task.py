"""A task as plain values: what is kept of its spaces, and which values are no task."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.statistics import observation_statistics
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError, EnvironmentMismatchError

VECTOR = gym.spaces.Box(-5, 5, (3,), np.float64)
PICTURES = gym.spaces.Box(0, 255, (4, 8, 8), np.uint8)
BYTES = gym.spaces.Box(0, 255, (128,), np.uint8)
BOX = gym.spaces.Box(np.array([-1, -np.inf], np.float32), np.array([2, np.inf], np.float32))
LIST = gym.spaces.Discrete(5, start=-2)

TASKS = {
    "box": (VECTOR, BOX, Task("A-v0", (3,), "float32", None, (-1.0, -np.inf), (2.0, np.inf))),
    "list": (PICTURES, LIST, Task("A-v0", (4, 8, 8), "uint8", 5, action_start=-2)),
    "bytes": (BYTES, LIST, Task("A-v0", (128,), "uint8", 5, action_start=-2)),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_spaces_it_was_made_of(name: str) -> None:
    observation, action, expected = TASKS[name]
    task = Task.of("A-v0", observation, action)
    assert task == expected
    assert task.action_space == action
    shown = task.observation_space
    assert shown.shape == observation.shape
    assert shown.dtype == (np.float32 if name == "box" else np.uint8)
    ends = (-np.inf, np.inf) if name == "box" else (0, 255)
    assert (shown.low.min(), shown.high.max()) == ends
    assert task.pixels == (name == "list")


@pytest.mark.parametrize("name", TASKS)
def test_it_is_plain_and_reads_back(name: str) -> None:
    task = TASKS[name][2]
    values = task.to_dict()
    assert not any(isinstance(value, tuple) for value in values.values())
    assert Task.from_dict(values) == task
    nulls = json.loads(json.dumps(values).replace("-Infinity", "null").replace("Infinity", "null"))
    assert Task.from_dict(nulls) == task


def test_what_is_left_out_has_its_default() -> None:
    values = {"env": "A-v0", "observation_shape": [3], "observation_dtype": "float32", "actions": 2}
    assert Task.from_dict(values).action_space == gym.spaces.Discrete(2)


@pytest.mark.parametrize(
    ("observation", "action", "sentence"),
    [
        (LIST, BOX, "A-v0 has observations Discrete.*, expected a Box"),
        (VECTOR, gym.spaces.MultiBinary(2), "A-v0 has actions MultiBinary.*Discrete or a flat Box"),
        (VECTOR, gym.spaces.Box(-1, 1, (2, 2)), "expected Discrete or a flat Box"),
        (VECTOR, gym.spaces.Box(-1, 1, ()), "expected Discrete or a flat Box"),
    ],
)
def test_other_spaces_are_refused(observation: Any, action: Any, sentence: str) -> None:
    with pytest.raises(EnvironmentMismatchError, match=sentence):
        Task.of("A-v0", observation, action)


LARGEST = 1 << 30
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("list", {"more": 1, "and": 2}, "and, more is unknown: use what this package wrote"),
    ("list", {"env": "module:A-v0"}, "names a module to import"),
    ("list", {"observation_dtype": "int8"}, "observation_dtype is 'int8', expected float32 or ui"),
    ("list", {"observation_shape": [4, 0]}, r"observation_shape is \(4, 0\)"),
    ("list", {"observation_shape": [-1]}, r"observation_shape is \(-1,\)"),
    ("list", {"observation_shape": [LARGEST + 1]}, r"observation_shape is \(1073741825,\)"),
    ("list", {"observation_shape": [LARGEST, 2]}, "more than any task shows"),
    ("list", {"actions": 0}, "there are 0 actions"),
    ("list", {"actions": LARGEST + 1}, "there are 1073741825 actions"),
    ("list", {"action_start": -LARGEST - 1}, "there are 5 actions"),
    ("box", {"action_low": [-1.0]}, "no lower and upper bound of each action"),
    ("box", {"action_low": [], "action_high": []}, "no lower and upper bound of each action"),
    ("box", {"action_low": [3.0, 0.0]}, "an action has no values"),
    ("box", {"action_low": [float("nan"), 0.0]}, "an action has no values"),
    ("box", {"action_low": ["x", 0.0]}, "incomplete or wrong"),
    ("box", {"env": 3}, "incomplete or wrong"),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), BAD)
def test_values_that_are_no_task_are_told(
    name: str, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        Task.from_dict(TASKS[name][2].to_dict() | changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("list", {"observation_shape": [LARGEST]}),
        ("list", {"observation_shape": [LARGEST, 1]}),
        ("list", {"observation_shape": []}),
        ("list", {"actions": LARGEST}),
        ("list", {"actions": 1, "action_start": -LARGEST}),
        ("list", {"action_start": LARGEST}),
        ("box", {"action_low": [2.0, 0.0], "action_high": [2.0, 0.0]}),
    ],
)
def test_the_edges_are_within(name: str, changes: dict[str, Any]) -> None:
    Task.from_dict(TASKS[name][2].to_dict() | changes)


def test_statistics_are_taken_over_all_steps_in_double_precision() -> None:
    rng = np.random.default_rng(0)
    seen = [rng.normal(1e4, (1, 0.01, 3), (n, 3)).astype(np.float32) for n in (5, 300)]
    nothing = np.zeros(1)
    episodes = [Demonstration(s, nothing, nothing, nothing) for s in seen]
    mean, std = observation_statistics(episodes, TASKS["box"][2])
    every = np.concatenate(seen).astype(np.float64)
    assert mean.dtype == std.dtype == torch.float32
    np.testing.assert_allclose(mean, every.mean(0), rtol=1e-7)
    np.testing.assert_allclose(std, every.std(0, ddof=1), rtol=1e-6)
    zero, one = observation_statistics(episodes, TASKS["list"][2])
    assert (zero.tolist(), one.tolist()) == ([0.0], [1.0])
