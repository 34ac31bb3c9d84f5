"""Drop-in for torch.nn: the same names, shapes, outputs and gradients; and bad input is named."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

PAIRS = [(LRSLSTM, nn.LSTM), (LRSGRU, nn.GRU), (LRSRNN, nn.RNN)]
LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]
X = (4, 3, 5)  # (T, B, I)
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def parts(state):
    return (state,) if isinstance(state, torch.Tensor) else tuple(state)


def twins(ours, theirs, *args, **options):
    """A torch layer and ours with its state dict."""
    reference = theirs(*args, **options)
    layer = ours(*args, rank=None, sparsity=0, init="uniform", **options)
    layer.load_state_dict(reference.state_dict())
    return layer, reference


def assert_same_run(layer, reference, x, hx=None, tolerance=1e-12):
    """Outputs, states and every gradient, that of the input included."""
    results = []
    for module in (layer, reference):
        module.zero_grad()
        leaf = x.detach().clone().requires_grad_()
        y, state = module(leaf, hx)
        loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum()
        (loss + sum(part.square().sum() for part in parts(state))).backward()
        grads = {name: p.grad for name, p in module.named_parameters()}
        results.append((y, parts(state), leaf.grad, grads))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=tolerance)


SETTINGS = [
    {},
    {"num_layers": 3},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2, "dropout": 1.0},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_equals_torch(ours, theirs, options, dtype):
    layer, reference = twins(ours, theirs, 5, 7, dtype=dtype, **options)
    x = 0.5 * torch.randn(4, 3, 5, dtype=dtype)
    assert_same_run(layer, reference, x, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"batch_first": True, "bias": False}])
@pytest.mark.parametrize("proj_size", [1, 3])
def test_equals_torch_with_projection(proj_size, options):
    layer, reference = twins(
        LRSLSTM, nn.LSTM, 5, 7, proj_size=proj_size, dtype=torch.float64, **options
    )
    x = torch.randn(4, 3, 5, dtype=torch.float64)
    batch = 4 if options.get("batch_first") else 3
    layers = options.get("num_layers", 1)
    h0 = torch.randn(layers, batch, proj_size, dtype=torch.float64)
    c0 = torch.randn(layers, batch, 7, dtype=torch.float64)
    assert_same_run(layer, reference, x, (h0, c0))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_equals_torch_with_either_nonlinearity(nonlinearity):
    layer, reference = twins(LRSRNN, nn.RNN, 5, 7, nonlinearity=nonlinearity, dtype=torch.float64)
    assert_same_run(layer, reference, torch.randn(4, 3, 5, dtype=torch.float64))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_equals_torch_unbatched_and_with_a_state(ours, theirs):
    layer, reference = twins(ours, theirs, 5, 7, num_layers=2, dtype=torch.float64)
    x = torch.randn(4, 5, dtype=torch.float64)
    h = torch.randn(2, 7, dtype=torch.float64)
    hx = (h, 2 * h) if ours is LRSLSTM else h
    assert_same_run(layer, reference, x)
    assert_same_run(layer, reference, x, hx)
    assert layer(x)[0].shape == (4, 7)


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_equals_torch_on_packed_sequences(ours, theirs, with_state, sort):
    layer, reference = twins(ours, theirs, 5, 7, num_layers=2, dtype=torch.float64)
    lengths = [6, 4, 4, 1] if sort else [4, 1, 6, 4]
    x = torch.randn(6, 4, 5, dtype=torch.float64)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=sort)
    h = torch.randn(2, 4, 7, dtype=torch.float64)
    hx = None if not with_state else (h, 2 * h) if ours is LRSLSTM else h
    (y, state), (y_ref, state_ref) = layer(packed, hx), reference(packed, hx)
    for ours_part, theirs_part in zip(y, y_ref, strict=True):
        torch.testing.assert_close(ours_part, theirs_part, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts(state), parts(state_ref), rtol=0, atol=1e-12)
    padded, counts = pad_packed_sequence(y)
    plain, plain_state = layer(x, hx, lengths=lengths)
    torch.testing.assert_close(padded, plain, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts(plain_state), parts(state), rtol=0, atol=1e-12)
    assert counts.tolist() == lengths


@pytest.mark.parametrize("layer_class", LAYERS)
def test_lengths_equal_single_sequences(layer_class):
    layer = layer_class(3, 6, num_layers=2, rank=2, sparsity=0.3, batch_first=True).double()
    x = torch.randn(4, 9, 3, dtype=torch.float64, requires_grad=True)
    resets = torch.rand(4, 9) < 0.3
    lengths = torch.tensor([3, 7, 1, 7])
    y, state = layer(x, lengths=lengths, resets=resets)
    assert y.shape == (4, 9, 6)  # padded up to T although no sequence is as long
    for row, length in enumerate(lengths.tolist()):
        alone, end = layer(x[row, :length], resets=resets[row, :length])
        torch.testing.assert_close(y[row, :length], alone, rtol=0, atol=1e-12)
        assert (y[row, length:] == 0).all()
        for part, expected in zip(parts(state), parts(end), strict=True):
            torch.testing.assert_close(part[:, row], expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    padding = torch.arange(9)[None] >= lengths[:, None]
    assert (x.grad[padding] == 0).all()
    assert (x.grad[~padding] != 0).any()


@pytest.mark.parametrize("layer_class", LAYERS)
def test_state_carries_over(layer_class):
    layer = layer_class(3, 6, num_layers=2, rank=2, sparsity=0.3).double()
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    whole, last = layer(x)
    first, state = layer(x[:4])
    second, end = layer(x[4:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(parts(end), parts(last), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_a_reset_starts_anew(layer_class):
    layer = layer_class(3, 6, num_layers=2, rank=2, sparsity=0.3).double()
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    hx = layer(torch.randn(2, 2, 3, dtype=torch.float64))[1]
    resets = torch.zeros(7, 2, dtype=torch.bool)
    resets[0, 1] = resets[4, 0] = True
    y, _ = layer(x, hx, resets=resets)
    torch.testing.assert_close(y[:4, 0], layer(x[:4], hx)[0][:, 0], rtol=0, atol=1e-12)
    torch.testing.assert_close(y[4:, 0], layer(x[4:])[0][:, 0], rtol=0, atol=1e-12)
    torch.testing.assert_close(y[:, 1], layer(x)[0][:, 1], rtol=0, atol=1e-12)


def test_a_projected_lstm_resets_at_its_first_step():
    layer = LRSLSTM(3, 6, proj_size=2, rank=1, sparsity=0.2).double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    hx = layer(torch.randn(2, 2, 3, dtype=torch.float64))[1]
    resets = torch.zeros(5, 2, dtype=torch.bool)
    resets[0, 1] = True
    y, _ = layer(x, hx, resets=resets)
    torch.testing.assert_close(y[:, 0], layer(x, hx)[0][:, 0], rtol=0, atol=1e-12)
    torch.testing.assert_close(y[:, 1], layer(x)[0][:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_low_rank_layer_equals_the_dense_one_with_its_matrix(layer_class):
    layer = layer_class(3, 6, rank=2, sparsity=0.3).double()
    dense = layer_class(3, 6).double()
    with torch.no_grad():
        for name, parameter in dense.named_parameters():
            if name == "weight_hh_l0":
                parameter.copy_(layer.recurrent_weight().flatten(0, 1))
            else:
                parameter.copy_(getattr(layer, name))
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x), dense(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_odd_memory_layouts_and_poison(layer_class, batch_first, poisoned_empty):
    layer = layer_class(3, 5, rank=1, sparsity=0.5, batch_first=batch_first).double()
    wide = torch.randn(6, 4, 8, dtype=torch.float64).transpose(0, 1)[..., ::3]
    y, state = layer(wide)
    torch.testing.assert_close((y, state), layer(wide.contiguous()), rtol=0, atol=1e-13)
    assert all(part.isfinite().all() for part in (y, *parts(state)))


@pytest.mark.parametrize("layer_class", LAYERS)
def test_copies_and_pickles(layer_class):
    layer = layer_class(3, 6, rank=2, sparsity=0.3, mask_seed=4)
    x = torch.randn(5, 2, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x)[0], layer(x)[0])
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other = layer_class(3, 6, rank=2, sparsity=0.3, mask_seed=0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(other(x)[0], layer(x)[0])


@pytest.mark.parametrize("layer_class", LAYERS)
def test_functional_call(layer_class):
    layer = layer_class(3, 6, rank=2, sparsity=0.3)
    x = torch.randn(5, 2, 3)
    doubled = {name: 2 * p for name, p in layer.named_parameters()}
    y = torch.func.functional_call(layer, doubled, (x,))[0]
    expected = copy.deepcopy(layer)
    with torch.no_grad():
        for p in expected.parameters():
            p.mul_(2)
    torch.testing.assert_close(y, expected(x)[0])
    assert not torch.allclose(y, layer(x)[0])


@pytest.mark.parametrize("layer_class", LAYERS)
def test_dropout_acts_between_layers_in_training_only(layer_class):
    layer = layer_class(3, 6, num_layers=2, dropout=0.5)
    x = torch.randn(5, 2, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("layer_class", LAYERS)
def test_construction_is_a_pure_function_of_the_seed(layer_class):
    def make():
        torch.manual_seed(5)
        return layer_class(3, 6, rank=2, sparsity=0.3).state_dict()

    first, second = make(), make()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_a_batch_without_sequences_equals_torch(ours, theirs):
    layer, reference = twins(ours, theirs, 5, 7, num_layers=2)
    (y, state), (y_ref, state_ref) = layer(torch.zeros(4, 0, 5)), reference(torch.zeros(4, 0, 5))
    torch.testing.assert_close((y, parts(state)), (y_ref, parts(state_ref)))
    assert layer(torch.zeros(4, 0, 5), lengths=[])[0].shape == (4, 0, 7)


def test_glorot_bounds_belong_to_one_gate():
    layer = LRSLSTM(30, 50, init="glorot")
    bound = (6 / 80) ** 0.5
    for block in layer.weight_ih_l0.detach().split(50):
        assert 0.95 * bound < block.abs().max() <= bound
    assert layer.bias_ih_l0.detach().view(4, 50).mean(1).tolist() == [0, 1, 0, 0]


class Counted(LRSRNN):
    """A layer of one's own with a scan that knows nothing of padding."""

    def scan(self, x, state, timespans, resets, layer):
        self.seen = self.__dict__.get("seen", 0) + len(x)
        return super().scan(x, state, timespans, resets, layer)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_scan_of_ones_own_need_not_know_of_padding(num_layers):
    layer, x = Counted(5, 7, num_layers), torch.randn(X)
    plain = LRSRNN(5, 7, num_layers)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), plain(x))
    assert layer.seen == 4 * num_layers
