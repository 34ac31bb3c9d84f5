"""Import of ncps modules: equal outputs, gradients and training, whatever they are made of."""

from __future__ import annotations

import copy

import ncps.torch
import pytest
import torch
from ncps.wirings import NCP, AutoNCP, FullyConnected, Random
from torch import nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSCfC, from_ncps
from lrs_lightning.nn.backbone import LeCunTanh, activation_of
from lrs_lightning.nn.posthoc import dense_layer

BARE = {"backbone_layers": 0, "backbone_units": 0}
MODES = ["default", "no_gate", "pure"]


def assert_same(theirs, ours, x, timespans=None, hx=None):
    """Outputs and the gradients of the input; ncps takes one timespan per step of a single row."""
    results = []
    for module, state in ((theirs, hx), (ours, None if hx is None else hx.unsqueeze(0))):
        leaf = x.clone().requires_grad_()
        y, last = module(leaf, state, timespans=timespans)
        (grad,) = torch.autograd.grad(y.square().sum(), leaf)
        results.append(
            (y, last.reshape(y.shape[0] if module.batch_first else y.shape[1], -1), grad)
        )
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_without_backbone_it_is_exact(mode, batch_first):
    theirs = ncps.torch.CfC(5, 8, mode=mode, batch_first=batch_first, **BARE).double()
    ours = from_ncps(theirs)
    assert isinstance(ours, LRSCfC) and ours.mode == mode and ours.batch_first == batch_first
    x = torch.randn(3, 3, 5, dtype=torch.float64)
    assert_same(theirs, ours, x, hx=torch.randn(3, 8, dtype=torch.float64))


@pytest.mark.parametrize("mode", MODES)
def test_irregular_timespans_are_exact(mode):
    theirs = ncps.torch.CfC(5, 8, mode=mode, **BARE).double()
    ours = from_ncps(theirs)
    x = torch.randn(1, 6, 5, dtype=torch.float64)
    assert_same(theirs, ours, x, timespans=3 * torch.rand(1, 6, dtype=torch.float64))


@pytest.mark.parametrize("mode", MODES)
def test_weight_gradients_are_those_of_ncps(mode):
    theirs = ncps.torch.CfC(5, 8, mode=mode, **BARE).double()
    ours = from_ncps(theirs)
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    for module in (theirs, ours):
        module(x)[0].square().sum().backward()
    cell = theirs.rnn_cell
    names = ["ff1"] if mode == "pure" else ["ff1", "ff2", "time_a", "time_b"]
    joint = torch.cat([getattr(cell, name).weight.grad for name in names])
    split = torch.cat([ours.weight_ih_l0.grad, ours.weight_hh_l0.grad], dim=1)
    torch.testing.assert_close(split, joint, rtol=0, atol=1e-12)
    biases = torch.cat([getattr(cell, name).bias.grad for name in names])
    torch.testing.assert_close(ours.bias_ih_l0.grad, biases, rtol=0, atol=1e-12)
    if mode == "pure":
        torch.testing.assert_close(ours.w_tau_l0.grad, cell.w_tau.grad[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(ours.amplitude_l0.grad, cell.A.grad[0], rtol=0, atol=1e-12)


def test_the_papers_cell_is_that_of_ncps_without_its_second_time_network():
    theirs = ncps.torch.CfC(5, 8, **BARE).double()
    with torch.no_grad():
        theirs.rnn_cell.time_b.weight.zero_()
        theirs.rnn_cell.time_b.bias.zero_()
    four = from_ncps(theirs)
    three = LRSCfC(5, 8, batch_first=True, mode="paper", dtype=torch.float64)
    three.load_state_dict({name: value[:24] for name, value in four.state_dict().items()})
    x = torch.randn(1, 4, 5, dtype=torch.float64)
    assert_same(theirs, three, x, timespans=2 * torch.rand(1, 4, dtype=torch.float64))


@pytest.mark.parametrize("wiring", [FullyConnected(8), Random(8, sparsity_level=0.6)], ids=type)
def test_a_wiring_of_one_layer_is_exact(wiring):
    theirs = ncps.torch.CfC(5, wiring).double()
    ours = from_ncps(theirs)
    assert_same(theirs, ours, torch.randn(3, 4, 5, dtype=torch.float64))


def state_of(theirs, rows):
    """A random state as ncps takes it, and the same as we do."""
    draw = [torch.randn(rows, theirs.state_size, dtype=torch.float64) for _ in range(2)]
    if theirs.use_mixed:
        return tuple(draw), tuple(part.unsqueeze(0) for part in draw)
    return draw[0], draw[0].unsqueeze(0)


def run_both(theirs, ours, x, state, timespans=None):
    """Outputs, final states, and the gradients of input and states, of one after the other."""
    results = []
    for module, given in ((theirs, state[0]), (ours, state[1])):
        parts = [given] if torch.is_tensor(given) else list(given)
        parts = [part.clone().requires_grad_() for part in parts]
        leaf = x.clone().requires_grad_()
        y, last = module(leaf, parts[0] if len(parts) == 1 else tuple(parts), timespans=timespans)
        ends = [last] if torch.is_tensor(last) else list(last)
        loss = y.square().sum() + sum(end.sin().sum() for end in ends)
        grads = torch.autograd.grad(loss, [leaf, *parts], retain_graph=True)
        module.zero_grad()
        loss.backward()
        results.append([y, *(part.flatten() for part in (*ends, *grads))])
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-10)


KINDS = {
    "bare": BARE,
    "backbone": {},
    "deep-backbone": {"backbone_layers": 3, "backbone_units": 16, "backbone_dropout": 0.2},
    "silu": {"activation": "silu"},
    "relu": {"activation": "relu"},
    "gelu": {"activation": "gelu"},
    "tanh": {"activation": "tanh"},
    "mixed": {"mixed_memory": True, **BARE},
    "mixed-backbone": {"mixed_memory": True, "proj_size": 3},
    "projected": {"proj_size": 2, **BARE},
    "last": {"return_sequences": False, **BARE},
    "last-projected": {"return_sequences": False, "proj_size": 4},
    "last-mixed": {"return_sequences": False, "mixed_memory": True, **BARE},
}
WIRED = {
    "ncp": lambda: NCP(4, 4, 2, 2, 2, 2, 2),
    "auto": lambda: AutoNCP(16, 3),
    "random": lambda: Random(8, sparsity_level=0.6),
}


def kinds():
    for name, options in KINDS.items():
        yield name, (8, options)
    for name, wiring in WIRED.items():
        yield name, (wiring, {})
    yield "auto-mixed", (WIRED["auto"], {"mixed_memory": True, "proj_size": 2})
    yield "auto-last", (WIRED["auto"], {"return_sequences": False})


def build(kind, mode, **options):
    torch.manual_seed(0)
    units, given = dict(kinds())[kind]
    units = units() if callable(units) else units
    return ncps.torch.CfC(5, units, mode=mode, **given, **options).double().eval()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [name for name, _ in kinds()])
def test_every_kind_is_exact_and_stays_so_in_training(kind, mode):
    theirs = build(kind, mode)
    ours = from_ncps(theirs)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.01) for module in (theirs, ours)]
    for _ in range(3):
        x = torch.randn(3, 6, 5, dtype=torch.float64)
        run_both(theirs, ours, x, state_of(theirs, 3))
        for optimizer in optimizers:
            optimizer.step()


@pytest.mark.parametrize("kind", [name for name, _ in kinds()])
def test_sizes_are_those_of_inputs_and_outputs(kind):
    ours = from_ncps(build(kind, "default"))
    x = torch.randn(3, 6, ours.input_size, dtype=torch.float64)
    assert ours(x)[0].shape[-1] == ours.output_size


@pytest.mark.parametrize("kind", ["backbone", "mixed", "auto", "auto-mixed", "last"])
def test_every_kind_takes_time_spans_one_sequence_and_time_first(kind):
    theirs = build(kind, "default", batch_first=False)
    ours = from_ncps(theirs)
    x, spans = torch.randn(6, 1, 5).double(), 2 * torch.rand(6, 1).double()
    run_both(theirs, ours, x, state_of(theirs, 1), spans)
    y, state = ours(x)
    alone, end = ours(x[:, 0])
    torch.testing.assert_close(alone, y[..., 0, :])
    for one, many in zip(*(s if isinstance(s, tuple) else (s,) for s in (end, state)), strict=True):
        torch.testing.assert_close(one, many[:, 0])


@pytest.mark.parametrize("kind", ["backbone", "mixed", "auto", "last", "last-mixed", "bare"])
def test_one_sequence_is_the_row_of_a_batch(kind):
    for batch_first in (True, False):
        made = build(kind, "default", batch_first=batch_first)
        ours, x = from_ncps(made), torch.randn(3, 6, 5).double()
        y, _ = ours(x if batch_first else x.transpose(0, 1))
        row = y[1] if batch_first or y.dim() == 2 else y[:, 1]
        torch.testing.assert_close(ours(x[1])[0], row)


@pytest.mark.parametrize("kind", ["backbone", "mixed", "auto", "auto-mixed"])
def test_resets_begin_anew(kind):
    ours = from_ncps(build(kind, "default"))
    x, resets = torch.randn(2, 6, 5).double(), torch.zeros(2, 6, dtype=torch.bool)
    resets[:, 4] = True
    state = ours(x)[1]
    y, _ = ours(x, state, resets=resets)
    torch.testing.assert_close(y[:, :4], ours(x[:, :4], state)[0])
    torch.testing.assert_close(y[:, 4:], ours(x[:, 4:])[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_imported_stays_on_its_device_and_of_its_kind(kind, mode):
    ours = from_ncps(build(kind, mode).to("meta"))
    parts = [*ours.parameters(), *ours.buffers()]
    assert parts and {(p.device.type, p.dtype) for p in parts} == {("meta", torch.float64)}


@pytest.mark.parametrize("kind", ["backbone", "mixed", "auto"])
def test_what_is_imported_records_its_states(kind):
    ours = from_ncps(build(kind, "default", batch_first=False))
    x, spans = torch.randn(6, 3, 5).double(), 2 * torch.rand(6, 3).double()
    resets = torch.rand(6, 3) < 0.3
    y, end = ours(x, timespans=spans, resets=resets)
    recorded, last, states = ours.record(x, timespans=spans, resets=resets)
    torch.testing.assert_close((recorded, last), (y, end))
    both = (s if isinstance(s, tuple) else (s,) for s in (states, end))
    for part, final in zip(*both, strict=True):
        assert part.shape[:3] == (1, 6, 3)
        torch.testing.assert_close(part[:, -1], final)


def test_dropout_of_a_backbone_drops_in_training_alone():
    ours = from_ncps(build("deep-backbone", "default").train())
    x = torch.randn(2, 6, 5).double()
    assert ours.training and not torch.equal(ours(x)[0], ours(x)[0])
    assert torch.equal(ours.eval()(x)[0], ours(x)[0])


@pytest.mark.parametrize(
    ("kind", "what", "backend"),
    [
        ("backbone", "a backbone", "reference"),
        ("mixed", "mixed memory", "reference"),
        ("auto", None, "auto"),
    ],
)
def test_it_says_what_runs_it(kind, what, backend, caplog):
    ours = from_ncps(build(kind, "default"))
    assert f"backend={backend}" in repr(ours)
    with caplog.at_level("INFO", "lrs_kernels"):
        for _ in range(2):
            ours(torch.randn(2, 6, 5).double())
    lines = [line for line in caplog.messages if "step by step" in line]
    assert len(lines) == (what is not None) and all(line.endswith(str(what)) for line in lines)


@pytest.mark.parametrize("kind", ["backbone", "mixed-backbone", "auto", "auto-mixed"])
def test_imported_modules_are_copied_saved_and_lowered(kind):
    ours = from_ncps(build(kind, "pure"))
    x = torch.randn(2, 6, 5).double()
    again = copy.deepcopy(ours)
    for parameter in again.parameters():
        torch.nn.init.zeros_(parameter)
    again.load_state_dict(ours.state_dict())
    assert torch.equal(again(x)[0], ours(x)[0])
    low = again.bfloat16()(x.bfloat16())[0]
    torch.testing.assert_close(low.double(), ours(x)[0], rtol=0, atol=0.2)
    assert ours(x[:0])[0].shape[:2] == (0, 6)


def test_a_wired_layer_is_exported_with_its_zeros():
    layer = from_ncps(build("random", "default"))
    dense = dense_layer(layer)
    assert type(dense) is LRSCfC and (dense.weight_ih_l0 == 0).any()
    x = torch.randn(2, 6, 5).double()
    assert torch.equal(dense(x)[0], layer(x)[0])


def test_wrong_arguments_are_refused_as_by_every_layer():
    ours = from_ncps(build("mixed", "default"))
    x = torch.randn(2, 6, 5).double()
    with pytest.raises(ArgumentError, match="hx holds 1 tensors, but the state of NcpsCfC has 2"):
        ours(x, torch.zeros(1, 2, 8).double())
    with pytest.raises(ArgumentError, match="timespans of shape .* holds a negative number"):
        ours(x, timespans=-torch.ones(2, 6).double())


def test_a_projection_can_be_left_behind():
    theirs = ncps.torch.CfC(5, 8, proj_size=2, **BARE)
    ours = from_ncps(theirs, projection=False)
    assert isinstance(ours, LRSCfC)
    x = torch.randn(3, 4, 5)
    torch.testing.assert_close(theirs.fc(ours(x)[0]), theirs(x)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.nn.LSTM(5, 8), "LSTM is no ncps.torch.CfC"),
        (lambda: ncps.torch.LTC(5, 8), "only CfC cells"),
    ],
)
def test_what_is_no_cfc_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        from_ncps(make())
    assert "\n" not in str(caught.value)


IMPORTED = {
    "backbone": lambda: ncps.torch.CfC(5, 8, backbone_units=7),
    "wired": lambda: ncps.torch.CfC(5, AutoNCP(12, 3)),
    "mixed": lambda: ncps.torch.CfC(5, 8, mixed_memory=True, backbone_units=7),
}


@pytest.mark.parametrize("kind", IMPORTED)
def test_nothing_of_ncps_is_left_in_what_was_imported(kind):
    """So that a checkpoint of it is read where ncps is not installed."""
    ours = from_ncps(IMPORTED[kind]())
    assert not [m for m in ours.modules() if type(m).__module__.startswith("ncps")]
    states = ours.initial_state(4, torch.zeros(1, dtype=torch.float64))
    units = 12 if kind == "wired" else 8
    assert [state.shape for state in states] == (1 + (kind == "mixed")) * [(1, 4, units)]
    assert all(state.dtype == torch.float64 and not state.any() for state in states)


@pytest.mark.parametrize("kind", [nn.SiLU, nn.ReLU, nn.Tanh, nn.GELU])
def test_activations_of_pytorch_stay_and_that_of_ncps_becomes_ours(kind):
    assert type(activation_of(kind())) is kind
    theirs = ncps.torch.CfC(5, 8, backbone_units=7, activation="lecun_tanh").rnn_cell.backbone[1]
    assert type(activation_of(theirs)) is LeCunTanh
    x = torch.linspace(-3, 3, 20)
    torch.testing.assert_close(activation_of(theirs)(x), theirs(x))
