"""Arguments that a layer cannot use are named, in one sentence."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

X = (4, 3, 5)  # (T, B, I)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": [[1.0]]}, "input is a list: give a torch.Tensor"),
        ({"input": np.zeros(X)}, "input is a ndarray: give a torch.Tensor"),
        ({"input": torch.zeros(X).double()}, "input is torch.float64, but the weights of LRSCfC"),
        ({"timespans": 0.1}, "timespans is a float: give a torch.Tensor"),
        ({"resets": True}, "resets is a bool: give a torch.Tensor"),
        ({"lengths": 3}, "lengths is 3: give one for each of 3 sequences"),
    ],
)
def test_values_that_are_no_tensors_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        LRSCfC(5, 7)(**({"input": torch.zeros(X)} | arguments))


@pytest.mark.parametrize(
    ("layer_class", "arguments", "message"),
    [
        (LRSCfC, {"input": (4, 3, 6)}, r"input has shape \(4, 3, 6\), expected \(T, B, I\)"),
        (LRSCfC, {"input": (4,)}, r"input has shape \(4,\)"),
        (LRSCfC, {"input": (0, 3, 5)}, r"input has shape \(0, 3, 5\): it needs at least one step"),
        (LRSCfC, {"hx": (3, 7)}, r"hx has shape \(3, 7\), expected \(1, 3, 7\), that is \(layers"),
        (LRSCfC, {"timespans": (3, 4)}, r"timespans has shape \(3, 4\), expected \(4, 3\)"),
        (LRSCfC, {"resets": (4,)}, r"resets has shape \(4,\), expected \(4, 3\)"),
        (LRSLSTM, {"timespans": (4, 3)}, "timespans given to LRSLSTM"),
        (LRSLSTM, {"hx": (1, 3, 7)}, r"hx holds 1 tensors, but the state of LRSLSTM has 2"),
        (LRSGRU, {"lengths": [1, 2]}, r"lengths has shape \(2,\), expected \(3,\)"),
        (LRSGRU, {"lengths": [1, 2, 5]}, r"lengths of shape \(3,\) holds 5: .* T = 4"),
        (LRSGRU, {"lengths": [0, 2, 4]}, r"lengths of shape \(3,\) holds 0: "),
        (LRSRNN, {"input": (4, 5), "lengths": [2]}, r"lengths given with one unbatched sequence"),
    ],
)
def test_bad_calls_are_named(layer_class, arguments, message):
    arguments = {"input": X} | arguments
    built = {
        name: value if name == "lengths" else torch.ones(value) for name, value in arguments.items()
    }
    with pytest.raises(ArgumentError, match=message) as caught:
        layer_class(5, 7)(**built)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), r"timespans of shape \(4, 3\) holds NaN: give elapsed times of at least 0"),
        (-0.5, r"timespans of shape \(4, 3\) holds a negative number"),
    ],
)
def test_bad_timespans_are_named(value, message):
    timespans = torch.ones(4, 3)
    timespans[2, 1] = value
    with pytest.raises(ArgumentError, match=message):
        LRSCfC(5, 7)(torch.zeros(X), timespans=timespans)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": 0}, "input_size is 0"),
        ({"hidden_size": -1}, "hidden_size is -1"),
        ({"num_layers": 0}, "num_layers is 0"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"bidirectional": True}, "bidirectional is True"),
        (
            {"proj_size": 7},
            "proj_size is 7: give 0 for none, or a whole number below hidden",
        ),
        ({"eval_rank": 8}, "eval_rank is 8: give a whole number from 1 to 7"),
        ({"eval_sparsity": 1.0}, "eval_sparsity is 1.0"),
        ({"proj_size": 3, "rank": 4}, "rank is 4: give a whole number from 1 to 3"),
    ],
)
def test_bad_constructions_are_named(options, message):
    with pytest.raises(ArgumentError, match=message):
        LRSLSTM(**({"input_size": 5, "hidden_size": 7} | options))


@pytest.mark.parametrize("layer_class", [LRSCfC, LRSGRU, LRSRNN])
def test_only_the_lstm_projects(layer_class):
    with pytest.raises(ArgumentError, match=f"{layer_class.__name__} has no projection"):
        layer_class(5, 7, proj_size=3)


@pytest.mark.parametrize(
    ("ours", "theirs", "arguments"),
    [
        (LRSLSTM, nn.LSTM, (5, 7, 2, False, True, 0.1, False, 3)),
        (LRSGRU, nn.GRU, (5, 7, 2, False, True, 0.1, False)),
        (LRSRNN, nn.RNN, (5, 7, 2, "relu", False, True, 0.1, False)),
    ],
)
def test_arguments_stand_in_the_order_of_torch(ours, theirs, arguments):
    layer, reference = ours(*arguments), theirs(*arguments)
    for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"):
        assert getattr(layer, name) == getattr(reference, name)
    layer.load_state_dict(reference.state_dict())


DEFAULTS = {
    **{"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0},
    **{"bidirectional": False, "proj_size": 0, "device": None, "dtype": None, "rank": None},
    **{"sparsity": 0.0, "init": "orthogonal", "mask_seed": 0, "share_mask": False},
    **{"factor_full_rank": False, "recurrent_scale": 1.0, "eval_rank": None},
    **{"eval_sparsity": 0.0, "backend": "auto"},
}
OWN = {
    LRSCfC: {"mode": "paper", "gate": "learned"},
    LRSLSTM: {"forget_bias": 1.0},
    LRSGRU: {},
    LRSRNN: {"nonlinearity": "tanh"},
}


@pytest.mark.parametrize("layer_class", OWN)
def test_defaults_are_those_of_torch_and_of_a_dense_layer(layer_class):
    given = inspect.signature(layer_class).parameters.values()
    found = {p.name: p.default for p in given if p.default is not p.empty}
    assert found == DEFAULTS | OWN[layer_class]
    assert [p.name for p in given][:2] == ["input_size", "hidden_size"]


@pytest.mark.parametrize("layer_class", OWN)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("input_size", "hidden_size", "num_layers", "rank", "eval_rank")),
        *((name, 9) for name in ("rank", "eval_rank")),
        *((name, 1.0) for name in ("sparsity", "eval_sparsity")),
        *(("dropout", 1.5), ("mask_seed", -1), ("proj_size", -1)),
    ],
)
def test_every_value_is_looked_at_under_its_own_name(layer_class, name, value):
    with pytest.raises(ArgumentError, match=f"^{name} is {value}"):
        layer_class(**{"input_size": 5, "hidden_size": 8} | {name: value})


@pytest.mark.parametrize("layer_class", OWN)
def test_every_argument_reaches_the_layer(layer_class):
    layer = layer_class(
        5, 8, num_layers=2, bias=False, batch_first=True, dropout=0.25, device="meta",
        dtype=torch.float64, rank=3, sparsity=0.25, init="glorot", mask_seed=7, share_mask=True,
        factor_full_rank=True, recurrent_scale=0.5, eval_rank=2, eval_sparsity=0.75,
        backend="reference",
    )  # fmt: skip
    assert (layer.input_size, layer.hidden_size, layer.num_layers) == (5, 8, 2)
    assert (layer.bias, layer.batch_first, layer.dropout) == (False, True, 0.25)
    wired = layer.connectivity
    assert (wired.rows, wired.columns, wired.gates) == (8, 8, layer.gates)
    assert (wired.rank, wired.sparsity, wired.init, wired.mask_seed) == (3, 0.25, "glorot", 7)
    assert wired.share_mask and wired.factor_full_rank and wired.scale == 0.5
    assert (layer.compression.rank, layer.compression.sparsity) == (2, 0.75)
    assert layer.backend == "reference"
    for parameter in layer.parameters():
        assert parameter.is_meta and parameter.dtype == torch.float64
    assert layer.mask(1).is_meta and layer.mask(1).dtype == torch.float64
    assert not any("bias" in name for name, _ in layer.named_parameters())


def test_a_frozen_gate_is_of_the_layers_kind():
    layer = LRSCfC(5, 8, 2, device="meta", dtype=torch.float64, gate="frozen")
    for depth in range(2):
        mean = layer.gate_mean(depth)
        assert mean.mean.shape == (8,) and mean.mean.dtype == torch.float64
        assert mean.mean.is_meta and mean.batches.is_meta and mean.batches.dtype == torch.long


def test_a_packed_sequence_has_its_own_lengths():
    packed = pack_padded_sequence(torch.zeros(X), [4, 2, 1])
    with pytest.raises(ArgumentError, match="a PackedSequence carries its own lengths"):
        LRSGRU(5, 7)(packed, lengths=[4, 2, 1])
    with pytest.raises(ArgumentError, match="features of size 5, expected input_size = 6"):
        LRSGRU(6, 7)(packed)
