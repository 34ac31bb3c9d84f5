"""Dense experts: what comes out of the last layer, and the action that is made of it."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import DataError, EnvironmentMismatchError
from lrs_lightning.experts.mlp import MLPExpert

BOXES = {
    "symmetric": gym.spaces.Box(np.float32([-2, -0.4]), np.float32([2, 0.4])),
    "asymmetric": gym.spaces.Box(np.float32([-1, 3]), np.float32([5, 4])),
    "one-sided": gym.spaces.Box(np.float32([0, -8]), np.float32([1, 0])),
}


def linear(size: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    """A policy whose outputs are what it sees."""
    return [(np.eye(size, dtype=np.float32), np.zeros(size, np.float32))]


@pytest.mark.parametrize("name", BOXES)
def test_tanh_spans_the_box(name: str) -> None:
    box = BOXES[name]
    expert = MLPExpert(linear(), box)
    far = np.full((1, 2), 50.0, np.float32)
    np.testing.assert_allclose(expert.step(far)[0], [box.high])
    np.testing.assert_allclose(expert.step(-far)[0], [box.low])
    middle = (box.low + box.high) / 2
    np.testing.assert_allclose(expert.step(0 * far)[0], [middle], atol=1e-7)
    quarter = np.full((1, 2), np.arctanh(0.5), np.float32)
    np.testing.assert_allclose(expert.step(quarter)[0], [(middle + box.high) / 2], rtol=1e-6)


@pytest.mark.parametrize("name", BOXES)
def test_without_tanh_outputs_are_actions_within_the_box(name: str) -> None:
    box = BOXES[name]
    expert = MLPExpert(linear(), box, squash=False)
    inside = np.stack([box.low + share * (box.high - box.low) for share in (0.0, 0.3, 1.0)])
    np.testing.assert_array_equal(expert.step(inside)[0], inside)
    beyond = np.stack([box.low - 1, box.high + 1, box.high + 1e6])
    np.testing.assert_array_equal(expert.step(beyond)[0], [box.low, box.high, box.high])


@pytest.mark.parametrize("start", [0, 5])
def test_a_discrete_action_is_that_of_the_largest_output(start: int) -> None:
    expert = MLPExpert(linear(3), gym.spaces.Discrete(3, start=start))
    seen = np.array([[0.0, -1.0, -2.0], [-9.0, -8.0, -7.0], [1.0, 3.0, 2.0]])
    np.testing.assert_array_equal(expert.step(seen)[0], start + np.array([0, 2, 1]))


@pytest.mark.parametrize(
    ("activation", "function"), [("relu", lambda x: np.maximum(x, 0)), ("tanh", np.tanh)]
)
def test_layers_follow_one_another(activation: str, function) -> None:
    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal((o, i), np.float32), rng.standard_normal(o, np.float32))
        for i, o in ((3, 7), (7, 5), (5, 2))
    ]
    hidden = seen = rng.standard_normal((4, 3), np.float32)
    for weight, bias in layers[:-1]:
        hidden = function(hidden @ weight.T + bias)
    weight, bias = layers[-1]
    expected = 0.1 * (hidden @ weight.T + bias)
    layers[-1] = (0.1 * weight, 0.1 * bias)  # within the box
    box = gym.spaces.Box(-100, 100, (2,))
    expert = MLPExpert(layers, box, activation=activation, squash=False)
    assert expert.observation_size == 3
    actions, state = expert.step(seen.astype(np.float64), "kept")
    np.testing.assert_allclose(actions, expected, rtol=1e-4, atol=1e-5)
    assert actions.dtype == np.float32 and state == "kept"
    assert expert.initial_state(4) is None


def test_by_default_it_is_what_sac_leaves_behind() -> None:
    layers = [*linear(), *linear()]
    (action,) = MLPExpert(layers, gym.spaces.Box(-1, 1, (2,))).step(np.array([[-3.0, 0.5]]))[0]
    np.testing.assert_allclose(action, [0.0, np.tanh(0.5)], rtol=1e-6)


def test_a_card_is_its_own() -> None:
    card = {"algorithm": "SAC"}
    expert = MLPExpert(linear(), BOXES["symmetric"], card, "Swimmer-v5")
    card["algorithm"] = "none"
    assert (expert.card, expert.env_id) == ({"algorithm": "SAC"}, "Swimmer-v5")
    assert MLPExpert(linear(), BOXES["symmetric"]).card == {}


def layer(outputs: int, inputs: int, biases: int | None = None, value: float = 0.0):
    return np.full((outputs, inputs), value, np.float32), np.zeros(
        outputs if biases is None else biases, np.float32
    )


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [layer(4, 3), layer(2, 5)],
        [layer(4, 3, biases=3), layer(2, 4)],
        [layer(4, 3), layer(2, 4, value=np.nan)],
        [layer(4, 3, value=np.inf), layer(2, 4)],
    ],
    ids=["none", "widths", "biases", "nan", "infinity"],
)
def test_layers_that_do_not_fit_or_hold_no_numbers_are_refused(layers) -> None:
    with pytest.raises(DataError):
        MLPExpert(layers, BOXES["symmetric"])


@pytest.mark.parametrize("outputs", [1, 3])
def test_an_output_for_each_action(outputs: int) -> None:
    with pytest.raises(EnvironmentMismatchError, match=f"has {outputs} actions and the task wants"):
        MLPExpert([layer(outputs, 4)], BOXES["symmetric"])
    with pytest.raises(EnvironmentMismatchError, match=f"has {outputs} actions and the task wants"):
        MLPExpert([layer(outputs, 4)], gym.spaces.Discrete(2))
