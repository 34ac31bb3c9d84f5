"""From the core's output to an action, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import BoxHead, DiscreteHead, make_head

LOW, HIGH = np.array([-1, 2, -5], np.float32), np.array([3, 4, 0], np.float32)


def test_actions_lie_between_their_bounds():
    head = make_head(6, Box(LOW, HIGH))
    assert isinstance(head, BoxHead) and (head.outputs, head.bounded) == (3, True)
    x = torch.randn(2, 5, 6)
    y = torch.tanh(head.dense(x)).detach().numpy()
    expected = (LOW + HIGH) / 2 + y * (HIGH - LOW) / 2
    found = head(x)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-6, atol=1e-6)
    assert head.decide(found) is found
    assert head(1e6 * x).amin((0, 1)).tolist() == LOW.tolist()
    assert head(1e6 * x).amax((0, 1)).tolist() == HIGH.tolist()


def test_without_bounds_there_is_no_tanh():
    head = make_head(6, Box(-np.inf, np.inf, (3,)))
    x = torch.randn(5, 6)
    assert not head.bounded and torch.equal(head(x), head.dense(x))
    assert (head.middle.tolist(), head.reach.tolist()) == ([0] * 3, [0] * 3)


def test_bounds_are_no_weights_and_come_back_from_the_space():
    head = make_head(6, Box(LOW, HIGH))
    assert set(head.state_dict()) == {"dense.weight", "dense.bias"}
    before = head.dense.weight.clone()
    head.middle.fill_(np.nan)
    head.reach.fill_(np.nan)
    head.reset_parameters()
    assert head.middle.tolist() == [1, 3, -2.5] and head.reach.tolist() == [2, 1, 2.5]
    assert not torch.equal(head.dense.weight, before)


@pytest.mark.parametrize("start", [0, -2, 5])
def test_the_likeliest_of_logits_is_the_action(start):
    head = make_head(6, Discrete(4, start=start))
    assert isinstance(head, DiscreteHead) and (head.outputs, head.start) == (4, start)
    x = torch.randn(2, 5, 6)
    assert torch.equal(head(x), head.dense(x))
    logits = torch.tensor([[0.0, 2.0, 1.0, 1.5], [-1.0, -2.0, -3.0, -0.5]])
    assert head.decide(logits).tolist() == [1 + start, 3 + start]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Box(-1, 1, (2, 2)), "are no vector: flatten them in the environment"),
        (Box(-1, 1, ()), "are no vector"),
        (Box(np.float32([-1, -1]), np.float32([1, np.inf])), "are bounded in part: bound all"),
        (Box(np.float32([-1, -np.inf]), np.float32([1, np.inf])), "are bounded in part"),
        (Box(np.float32([0]), np.float32([np.inf])), "are bounded in part"),
        (MultiBinary(3), "are not supported: give a Box or a Discrete space"),
    ],
)
def test_other_spaces_are_told(space, message):
    with pytest.raises(ArgumentError, match=message):
        make_head(6, space)
