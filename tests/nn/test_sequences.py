"""Ragged batches of any shape equal their sequences one by one, with resets and timespans."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC


@st.composite
def ragged(draw):
    steps, batch, hidden = draw(st.integers(1, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 9))
    return {
        "layer_class": draw(st.sampled_from([LRSCfC, LRSLSTM, LRSGRU, LRSRNN])),
        "rank": draw(st.none() | st.integers(1, hidden)),
        "sparsity": draw(st.sampled_from([0.0, 0.3, 0.9])),
        "num_layers": draw(st.integers(1, 2)),
        "steps": steps,
        "hidden": hidden,
        "lengths": draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch)),
        "seed": draw(st.integers(0, 99)),
    }


@settings(max_examples=40, deadline=None)
@given(ragged())
def test_ragged_batches_equal_single_sequences(case):
    torch.manual_seed(case["seed"])
    layer = case["layer_class"](
        3,
        case["hidden"],
        case["num_layers"],
        rank=case["rank"],
        sparsity=case["sparsity"],
        batch_first=True,
        dtype=torch.float64,
    )
    rows, steps = len(case["lengths"]), case["steps"]
    x = torch.randn(rows, steps, 3, dtype=torch.float64)
    options = {"resets": torch.rand(rows, steps) < 0.3}
    if layer.knows_time:
        options["timespans"] = 3 * torch.rand(rows, steps, dtype=torch.float64)
    state = layer(x[:, :1])[1]
    y, last = layer(x, state, lengths=case["lengths"], **options)
    for row, length in enumerate(case["lengths"]):
        alone = {name: value[row, :length] for name, value in options.items()}
        start = tuple(p[:, row] for p in state) if layer.states == 2 else state[:, row]
        wanted, end = layer(x[row, :length], start, **alone)
        torch.testing.assert_close(y[row, :length], wanted, rtol=0, atol=1e-12)
        assert (y[row, length:] == 0).all()
        mine = tuple(p[:, row] for p in last) if layer.states == 2 else last[:, row]
        torch.testing.assert_close(mine, end, rtol=0, atol=1e-12)
