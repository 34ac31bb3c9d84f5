"""The cores without recurrence: what they remember, and how they refuse."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import FeedForward, FrameStack


def test_memoryless_steps_do_not_know_each_other():
    core = FeedForward(3, 6).double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    y, state = core(x)
    assert state.shape == (1, 2, 0)
    shuffled = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(core(x[shuffled])[0], y[shuffled], rtol=0, atol=1e-14)


@pytest.mark.parametrize("frames", [2, 5])
def test_a_stack_equals_its_definition(frames):
    core = FrameStack(3, 6, frames=frames).double()
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    padded = torch.cat([torch.zeros(frames - 1, 2, 3, dtype=torch.float64), x])
    stacked = torch.stack([padded[t : t + frames] for t in range(7)])  # (T, k, B, I)
    wanted = core.layers(stacked.transpose(1, 2).flatten(2))
    y, state = core(x)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-14)
    remembered = state.view(2, frames - 1, 3).transpose(0, 1)
    torch.testing.assert_close(remembered, padded[-(frames - 1) :])


def test_two_resets_in_one_window_hide_what_was_before():
    core = FrameStack(3, 6, frames=4).double()
    x = torch.randn(6, 1, 3, dtype=torch.float64)
    resets = torch.zeros(6, 1, dtype=torch.bool)
    resets[2] = resets[4] = True
    y, state = core(x, torch.randn(1, 1, 9, dtype=torch.float64), resets=resets)
    torch.testing.assert_close(y[4:], core(x[4:])[0], rtol=0, atol=1e-14)
    torch.testing.assert_close(y[2:4], core(x[2:4])[0], rtol=0, atol=1e-14)
    torch.testing.assert_close(state, core(x[4:])[1], rtol=0, atol=1e-14)


@pytest.mark.parametrize("core", [FeedForward, FrameStack])
@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize("value", [-1, 2.5, True])
def test_every_size_is_looked_at_under_its_own_name(core, name, value):
    with pytest.raises(ArgumentError, match=f"^{name} is {value}: give a whole number"):
        core(**{"input_size": 3, "hidden_size": 6} | {name: value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameStack(3, 6, frames=1), "frames is 1: give a whole number of at least 2"),
        (lambda: FeedForward(3, 0), "hidden_size is 0"),
        (lambda: FrameStack(3, 6)(torch.zeros(5, 2, 3), torch.zeros(1, 2, 3)), r"\(1, 2, 9\)"),
    ],
)
def test_bad_calls_are_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
