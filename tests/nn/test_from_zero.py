"""The usual call of a layer: sequences from zero on, by a shorter way, with the same numbers."""

from __future__ import annotations

import warnings

import pytest
import torch

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

LAYERS = {
    "cfc": lambda **more: LRSCfC(5, 8, rank=2, sparsity=0.5, **more),
    "cfc, four matrices": lambda **more: LRSCfC(5, 8, mode="default", **more),
    "cfc, pure": lambda **more: LRSCfC(5, 8, mode="pure", **more),
    "cfc, gate removed": lambda **more: LRSCfC(5, 8, gate="removed", **more),
    "cfc, gate frozen": lambda **more: LRSCfC(5, 8, gate="frozen", **more),
    "lstm": lambda **more: LRSLSTM(5, 8, rank=2, **more),
    "lstm, projected": lambda **more: LRSLSTM(5, 8, proj_size=3, **more),
    "gru": lambda **more: LRSGRU(5, 8, sparsity=0.5, **more),
    "rnn, no bias": lambda **more: LRSRNN(5, 8, bias=False, **more),
    "two layers": lambda **more: LRSRNN(5, 8, 2, **more),
}


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def found(layer, x, *state):
    """Outputs, and gradients of all parameters."""
    y, final = layer(x, *state)
    total = y.sin().sum() + sum(part.cos().sum() for part in parts(final))
    leaves = [p for p in layer.parameters() if p.requires_grad]
    return [y, *parts(final), *torch.autograd.grad(total, leaves)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_call_with_a_state_of_zeros(name, batch_first):
    layer = LAYERS[name](batch_first=batch_first)
    x = torch.randn(4, 6, 5)
    zeros = layer.initial_state(4 if batch_first else 6, x)
    given = found(layer, x, zeros if len(zeros) > 1 else zeros[0])
    usual = found(layer, x)
    assert all(map(torch.equal, usual, given))
    with torch.no_grad():
        assert torch.equal(layer(x)[0], given[0])


@pytest.mark.parametrize("name", LAYERS)
def test_a_state_of_ones_is_another_matter(name):
    layer, x = LAYERS[name](), torch.randn(4, 6, 5)
    ones = tuple(part + 1 for part in layer.initial_state(6, x))
    assert not torch.equal(layer(x, ones if len(ones) > 1 else ones[0])[0], layer(x)[0])


@pytest.mark.parametrize("method", ["scan", "run", "through_layers", "run_cell"])
def test_a_layer_with_a_way_of_its_own_is_given_a_state(method):
    seen = []

    def own(self, x, *others, **options):
        state = others[1] if method == "run_cell" else others[0]
        seen.append(state)
        return getattr(LRSRNN, method)(self, x, *others, **options)

    layer = type("Own", (LRSRNN,), {method: own})(5, 8)
    x = torch.randn(4, 6, 5)
    y, _ = layer(x)
    assert len(seen) == 1 and all(not part.any() for part in seen[0])
    plain = LRSRNN(5, 8)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(y, plain(x)[0])


def test_a_change_of_weights_is_seen():
    layer, x = LRSCfC(5, 8, rank=2), torch.randn(4, 6, 5)
    before = layer(x)[0]
    with torch.no_grad():
        layer.weight_ih_l0.mul_(2)
    assert not torch.equal(layer(x)[0], before)
    layer.weight_ih_l0.data = layer.weight_ih_l0.data / 2
    assert torch.equal(layer(x)[0], before)
    layer.requires_grad_(False)
    assert not layer(x)[0].requires_grad
    layer.double()
    assert layer(x.double())[0].dtype == torch.float64
    torch.testing.assert_close(layer(x.double())[0].float(), before)


@pytest.mark.parametrize("name", ["cfc", "lstm"])
def test_a_compiler_finds_nothing_to_warn_of(name):
    layer, x = LAYERS[name](), torch.randn(4, 6, 5)
    torch._dynamo.reset()
    torch._dynamo.utils.warn_once_cache.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, _ = torch.compile(layer, fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close(y, layer(x)[0])
