"""Ragged batches of any shape equal their sequences one by one, with resets and timespans."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, _ragged

SPANS, PADDED = -(10**12), 10**12
"""What starting a span costs, so that all batches run in spans, or none does."""


@pytest.fixture(params=[SPANS, PADDED], ids=["spans", "padded"])
def way(request, monkeypatch):
    monkeypatch.setattr(_ragged, "_START", request.param)


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
        "start": draw(st.sampled_from([SPANS, PADDED])),
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ragged, "_START", case["start"])
        y, last = layer(x, state, lengths=case["lengths"], **options)
    for row, length in enumerate(case["lengths"]):
        alone = {name: value[row, :length] for name, value in options.items()}
        start = tuple(p[:, row] for p in state) if layer.states == 2 else state[:, row]
        wanted, end = layer(x[row, :length], start, **alone)
        torch.testing.assert_close(y[row, :length], wanted, rtol=0, atol=1e-12)
        assert (y[row, length:] == 0).all()
        mine = tuple(p[:, row] for p in last) if layer.states == 2 else last[:, row]
        torch.testing.assert_close(mine, end, rtol=0, atol=1e-12)


LENGTHS = [5, 1, 3, 4, 2]
MAKERS = {
    "cfc": lambda: LRSCfC(3, 6, 2, rank=2),
    "cfc-pure": lambda: LRSCfC(3, 6, mode="pure"),
    "lstm": lambda: LRSLSTM(3, 6, 2, sparsity=0.3),
    "lstm-projected": lambda: LRSLSTM(3, 6, proj_size=2),
    "gru": lambda: LRSGRU(3, 6, rank=2),
    "rnn-relu": lambda: LRSRNN(3, 6, nonlinearity="relu", recurrent_scale=30.0),
}
every = pytest.mark.parametrize("name", MAKERS)


def padded_batch(layer, value):
    """A batch with some value in its padding, a state, and resets in the padding too."""
    x = torch.randn(7, len(LENGTHS), 3, dtype=torch.float64)
    padding = torch.arange(7).unsqueeze(-1) >= torch.tensor(LENGTHS)
    x[padding] = value
    resets = torch.rand(7, len(LENGTHS)) < 0.2
    resets[padding] = True
    state = tuple(torch.randn_like(part) for part in layer.initial_state(len(LENGTHS), x))
    return x, state, resets


@every
def test_nothing_of_the_padding_gets_through(name, way):
    layer = MAKERS[name]().double()
    x, state, resets = padded_batch(layer, float("nan"))
    results = []
    for rows in (slice(None), None):
        leaves = [part.clone().requires_grad_() for part in (x, *state)]
        h = tuple(leaves[1:])
        if rows is not None:
            y, end = layer(leaves[0], h, lengths=LENGTHS, resets=resets)
            outputs = [y[:length, row] for row, length in enumerate(LENGTHS)]
            ends = list(end) if isinstance(end, tuple) else [end]
        else:
            alone = [
                layer(leaves[0][:n, b : b + 1], tuple(p[:, b : b + 1] for p in h),
                      resets=resets[:n, b : b + 1])
                for b, n in enumerate(LENGTHS)
            ]  # fmt: skip
            outputs = [part[:, 0] for part, _ in alone]
            finals = [end if isinstance(end, tuple) else (end,) for _, end in alone]
            ends = [torch.cat(parts, dim=1) for parts in zip(*finals, strict=True)]
        loss = sum(part.sin().sum() for part in (*outputs, *ends))
        grads = torch.autograd.grad(loss, [*leaves, *layer.parameters()])
        results.append([*outputs, *ends, *grads])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_frozen_gate_averages_over_valid_steps_alone(way):
    layer = LRSCfC(3, 6, gate="frozen", dtype=torch.float64)
    x, _, _ = padded_batch(layer, 100.0)
    layer(x, lengths=LENGTHS)
    gates = []
    plain = LRSCfC(3, 6, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict(), strict=False)
    for row, length in enumerate(LENGTHS):
        h = torch.zeros(1, 1, 6, dtype=torch.float64)
        for t in range(length):
            now = x[t : t + 1, row : row + 1]
            pre = plain.project_input(now, 0) + h @ plain.recurrent_weight().flatten(0, 1).T
            gates.append(torch.sigmoid(pre[0, 0, 12:]))
            h = plain(now, h)[1]
    torch.testing.assert_close(layer.gate_mean().mean, torch.stack(gates).mean(0))


@pytest.fixture
def taken(monkeypatch):
    """The ways that calls take."""
    taken = []
    for name in ("run_spans", "run_padded"):
        original = getattr(_ragged, name)
        monkeypatch.setattr(
            _ragged,
            name,
            lambda *given, name=name, original=original: taken.append(name) or original(*given),
        )
    return taken


def test_few_lengths_run_in_spans_and_many_with_their_padding(taken):
    layer = LRSGRU(3, 64)
    x = torch.randn(60, 32, 3)
    layer(x, lengths=[60] * 16 + [3] * 16)  # half of it is padding
    layer(x, lengths=list(range(1, 33)))
    assert taken == ["run_spans", "run_padded"]


def test_a_span_more_costs_as_much_as_256_steps_of_padding(taken):
    layer, x = LRSGRU(1, 1), torch.zeros(300, 2, 1)
    for longest in (256, 257):  # a padding of 255 and of 256 steps
        layer(x, lengths=[longest, 1])
    assert taken == ["run_padded", "run_spans"]


@pytest.mark.parametrize("name", ["cfc", "lstm", "lstm-projected"])
def test_one_compiled_graph_serves_all_lengths(name):
    torch._dynamo.reset()
    layer = MAKERS[name]()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=False)
    x = torch.randn(7, 4, 3)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for lengths in ([7, 3, 1, 2], [1, 1, 1, 1], [4, 5, 6, 7]):
            given = torch.tensor(lengths)
            y, end = compiled(x, lengths=given)
            wanted, last = layer(x, lengths=given)
            torch.testing.assert_close(y, wanted)
            torch.testing.assert_close(end, last)


@pytest.mark.long  # PyTorch takes some seconds for each
@pytest.mark.parametrize("name", ["cfc", "lstm"])
def test_lengths_are_exported(name):
    layer = MAKERS[name]().eval()
    axes = {"input": {0: torch.export.Dim("time"), 1: (rows := torch.export.Dim("rows"))}}
    program = torch.export.export(
        layer,
        (torch.randn(3, 2, 3),),
        {"lengths": torch.tensor([3, 1])},
        dynamic_shapes=axes | {"lengths": {0: rows}},
    )
    x, lengths = torch.randn(9, 5, 3), torch.tensor([9, 1, 4, 4, 2])
    found, wanted = program.module()(x, lengths=lengths), layer(x, lengths=lengths)
    torch.testing.assert_close(found, wanted)


def test_compiled_lengths_of_a_wrong_shape_are_refused():
    compiled = torch.compile(LRSGRU(3, 6), backend="eager")
    with pytest.raises(ValueError, match=r"lengths has shape \(3,\), expected \(4,\)"):
        compiled(torch.randn(7, 4, 3), lengths=torch.tensor([1, 2, 3]))
