"""The inputs with which PyTorch tests its own recurrent modules, tried on the four layers.

`torch.testing._internal.common_modules` lists constructor and forward inputs for each module of
`torch.nn`, and inputs that must be refused. Here every property that PyTorch tests with them is
tested of our layers: dense ones, and low-rank sparse ones. `docs/layers/torch.md` has the counts.
"""

from __future__ import annotations

import copy
import functools
import io
import pickle
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

pytest.importorskip("expecttest", reason="PyTorch's test inputs need expecttest (group `test`)")
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

PAGE = Path(__file__).parents[2] / "docs" / "layers" / "torch.md"
INFOS = {info.module_cls: info for info in module_db}
# What torch's module is called here; a CfC is tried with the inputs of a GRU.
SOURCES = {
    LRSLSTM: torch.nn.LSTM, LRSGRU: torch.nn.GRU, LRSRNN: torch.nn.RNN, LRSCfC: torch.nn.GRU,
}  # fmt: skip
# Biases are drawn as in torch.nn: where all are 0, a ReLU may stand exactly at its kink.
PRIORS = {
    "dense": {"init": "uniform"},
    "prior": {"init": "uniform", "rank": 1, "sparsity": 0.5},
}
DTYPES = (torch.float32, torch.float64)


def inputs_of(layer_class, dtype=torch.float64, wants_grad=False):
    """PyTorch's samples: constructor input, forward input and a reference."""
    info = INFOS[SOURCES[layer_class]]
    options = {"device": "cpu", "dtype": dtype, "requires_grad": wants_grad, "training": True}
    if SOURCES[layer_class] is not torch.nn.LSTM:
        options["with_packed_sequence"] = True
    return info.module_inputs_func(info, **options)


@functools.cache
def split(layer_class):
    """Places of the samples that apply, and of those that are refused on purpose."""
    places: dict[bool, list[int]] = {False: [], True: []}
    for n, sample in enumerate(inputs_of(layer_class)):
        places[sample.constructor_input.kwargs["bidirectional"]].append(n)
    return places[False], places[True]


every = pytest.mark.parametrize("layer_class", SOURCES, ids=lambda cls: cls.__name__)
with_prior = pytest.mark.parametrize("prior", PRIORS)


def build(layer_class, sample, prior, **kind):
    torch.manual_seed(0)
    given = sample.constructor_input
    return layer_class(*given.args, **given.kwargs, **PRIORS[prior], **kind)


def each(layer_class, prior, dtype=torch.float64, wants_grad=False):
    """Every sample that applies: the layer, the arguments of its call and the sample."""
    samples = inputs_of(layer_class, dtype, wants_grad)
    for n in split(layer_class)[0]:
        layer = build(layer_class, samples[n], prior, dtype=dtype)
        yield layer, samples[n].forward_input.args, samples[n]


def flat(value) -> list[Tensor]:
    """All tensors of a result; those of a packed sequence by its data."""
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in flat(part)]


def together(value):
    """All tensors as one: differences are taken for each output anew."""
    return torch.cat([part.flatten() for part in flat(value)])


def assert_equal(ours, theirs, atol=1e-6):
    for mine, yours in zip(flat(ours), flat(theirs), strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=atol)


@every
@with_prior
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_forward(layer_class, prior, dtype):
    for layer, arguments, sample in each(layer_class, prior, dtype):
        if isinstance(arguments[0], Tensor):  # their reference knows no packed sequences
            assert_equal(layer(*arguments), sample.reference_fn(layer, *arguments))
        else:
            assert all(part.isfinite().all() for part in flat(layer(*arguments)))


@every
def test_forward_equals_torch(layer_class):
    if layer_class is LRSCfC:
        pytest.skip("torch.nn has no CfC")
    for layer, arguments, sample in each(layer_class, "dense"):
        given = sample.constructor_input
        theirs = SOURCES[layer_class](*given.args, **given.kwargs, dtype=torch.float64)
        theirs.load_state_dict(layer.state_dict())
        assert_equal(layer(*arguments), theirs(*arguments), atol=1e-12)


@every
def test_bidirectional_ones_are_refused(layer_class):
    samples = inputs_of(layer_class)
    assert len(split(layer_class)[1]) == len(samples) / 2
    for n in split(layer_class)[1]:
        with pytest.raises(ArgumentError, match="bidirectional is True"):
            build(layer_class, samples[n], "dense")


@every
@with_prior
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_factory_kwargs(layer_class, prior, dtype):
    for layer, _, sample in each(layer_class, prior, dtype):
        meta = build(layer_class, sample, prior, device="meta", dtype=dtype)
        for module, device in ((layer, "cpu"), (meta, "meta")):
            parts = [*module.parameters(), *module.buffers()]
            assert parts and {(p.device.type, p.dtype) for p in parts} == {(device, dtype)}


@every
@with_prior
def test_device_context(layer_class, prior):
    for _, _, sample in each(layer_class, prior):
        with torch.device("meta"):
            layer = build(layer_class, sample, prior)
        assert {p.device.type for p in (*layer.parameters(), *layer.buffers())} == {"meta"}


@every
@with_prior
def test_repr(layer_class, prior):
    for layer, _, _ in each(layer_class, prior):
        assert repr(layer) == str(layer) and repr(layer).startswith(layer_class.__name__)


@every
@with_prior
def test_save_load(layer_class, prior):
    for layer, arguments, sample in each(layer_class, prior):
        file = io.BytesIO()
        torch.save(layer.state_dict(), file)
        file.seek(0)
        other = build(layer_class, sample, prior, dtype=torch.float64)
        for parameter in other.parameters():
            torch.nn.init.zeros_(parameter)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert_equal(other(*arguments), layer(*arguments), atol=0)


@every
@with_prior
def test_pickle_and_copy(layer_class, prior):
    for layer, arguments, _ in each(layer_class, prior):
        for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
            assert_equal(other(*arguments), layer(*arguments), atol=0)


@every
@with_prior
def test_grad(layer_class, prior):
    for layer, arguments, _ in each(layer_class, prior, wants_grad=True):
        wanted = [tensor for tensor in flat(arguments) if tensor.is_leaf]
        leaves = [*wanted, *layer.parameters()]

        def call(*given, layer=layer, arguments=arguments):
            return together(layer(*arguments))

        assert torch.autograd.gradcheck(call, leaves, fast_mode=True)


@pytest.mark.long  # scans differentiate twice in tests/lrs_kernels/ops/test_operators.py too
@every
def test_gradgrad(layer_class):
    for layer, arguments, _ in each(layer_class, "prior", wants_grad=True):
        layer.backend = "reference"
        leaves = [*(tensor for tensor in flat(arguments) if tensor.is_leaf), *layer.parameters()]

        def call(*given, layer=layer, arguments=arguments):
            return together(layer(*arguments))

        assert torch.autograd.gradgradcheck(call, leaves, fast_mode=True)


@every
@with_prior
def test_non_contiguous_tensors(layer_class, prior):
    for layer, arguments, _ in each(layer_class, prior, wants_grad=True):
        if not isinstance(arguments[0], Tensor):
            continue
        results = []
        for spread in (lambda t: t.detach().clone(), gappy):
            given = spread_out(arguments, spread)
            leaves = [t.requires_grad_() for t in flat(given)]
            outputs = flat(layer(*given))
            upstream = [spread(torch.ones_like(out)) for out in outputs]
            wanted = [*leaves, *layer.parameters()]
            results.append([*outputs, *torch.autograd.grad(outputs, wanted, upstream)])
        assert_equal(results[1], results[0], atol=0)


def spread_out(value, spread):
    if isinstance(value, Tensor):
        return spread(value)
    return tuple(spread_out(part, spread) for part in value)


def gappy(tensor: Tensor) -> Tensor:
    """The same numbers with NaN between them in memory."""
    wide = torch.full((*tensor.shape, 2), float("nan"), dtype=tensor.dtype)
    wide[..., 0] = tensor.detach()
    return wide[..., 0].detach()


@every
@with_prior
def test_train_and_eval_modes_agree_without_dropout(layer_class, prior):
    for layer, arguments, _ in each(layer_class, prior):
        assert_equal(layer.train()(*arguments), layer.eval()(*arguments), atol=0)


@every
@with_prior
def test_to(layer_class, prior):
    for layer, _, _ in each(layer_class, prior):
        named = {name: id(p) for name, p in layer.named_parameters()}
        for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
            assert layer.to(dtype) is layer
            assert {p.dtype for p in (*layer.parameters(), *layer.buffers())} == {dtype}
        assert {name: id(p) for name, p in layer.named_parameters()} == named
        layer.to("meta")
        assert all(p.is_meta for p in (*layer.parameters(), *layer.buffers()))


@every
@with_prior
def test_to_empty(layer_class, prior):
    for layer, arguments, sample in each(layer_class, prior):
        meta = build(layer_class, sample, prior, device="meta", dtype=torch.float64)
        meta.to_empty(device="cpu")
        torch.manual_seed(0)
        meta.reset_parameters()
        assert_equal(meta(*arguments), layer(*arguments), atol=0)


@every
def test_errors(layer_class):
    info = INFOS[SOURCES[layer_class]]
    options = {"device": "cpu", "dtype": torch.float64, "requires_grad": False, "training": True}
    wrong = info.module_error_inputs_func(info, **options)
    assert wrong
    for case in wrong:
        made, call = (
            case.module_error_input.constructor_input,
            case.module_error_input.forward_input,
        )
        early = case.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR
        with pytest.raises(ArgumentError) as caught:
            layer = layer_class(*made.args, **made.kwargs)
            assert not early
            layer(*call.args)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not torch.__version__.startswith("2.13"), reason="the page is of torch 2.13")
def test_the_page_states_the_counts():
    stated = re.findall(r"\| `(LRS\w+)` \| (\d+) \| (\d+) \| (\d+) \|", PAGE.read_text())
    counted = [
        (cls.__name__, len(split(cls)[0]) + len(split(cls)[1]), *map(len, split(cls)))
        for cls in SOURCES
    ]
    assert [(name, *map(int, numbers)) for name, *numbers in stated] == counted
