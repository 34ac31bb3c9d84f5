"""Controls made from a trained layer: compress it, or hold its gate, and see what is left.

The same controls as options of a configuration: `controls.Truncated`, `controls.Pruned`,
`cores.CfC(gate="frozen")`. Every function here returns a new layer and leaves the given one alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.compression import Compression, magnitude_mask
from lrs_lightning.nn.connectivity import truncated_factors
from lrs_lightning.nn.gate import GateMean, check_gate
from lrs_lightning.nn.recurrent import LRSLayer

L = TypeVar("L", bound=LRSLayer)


@torch.no_grad()
def truncate_layer(layer: L, rank: int) -> L:
    """Cut every recurrent matrix of a dense layer to its best rank-r approximation, as two factors.

    Example:
        >>> small = truncate_layer(LRSCfC(5, 16), rank=4)
        >>> torch.linalg.matrix_rank(small.recurrent_weight()).tolist()
        [4, 4, 4]
    """
    _check_dense(layer, "truncate_layer")
    cut = copy.deepcopy(layer)
    cut.connectivity = replace(layer.connectivity, rank=rank, factor_full_rank=True)
    for depth in range(layer.num_layers):
        w1, w2 = truncated_factors(layer.recurrent_weight(depth), rank)
        delattr(cut, f"weight_hh_l{depth}")
        cut.register_parameter(f"weight_hh_w1_l{depth}", nn.Parameter(w1.contiguous()))
        cut.register_parameter(f"weight_hh_w2_l{depth}", nn.Parameter(w2.contiguous()))
    return cut


@torch.no_grad()
def prune_layer(layer: L, sparsity: float) -> L:
    """Mask the fraction `sparsity` of smallest weights of every recurrent matrix of a dense layer.

    Example:
        >>> pruned = prune_layer(LRSCfC(5, 16), sparsity=0.75)
        >>> (pruned.recurrent_weight() != 0).sum().item()
        192
    """
    _check_dense(layer, "prune_layer")
    pruned = copy.deepcopy(layer)
    pruned.connectivity = replace(layer.connectivity, sparsity=sparsity)
    for depth in range(layer.num_layers):
        mask = magnitude_mask(layer.recurrent_weight(depth), sparsity)
        setattr(pruned, f"mask_hh_l{depth}", mask)
    return pruned


@torch.no_grad()
def dense_layer(layer: L) -> L:
    """Put W1 W2 ⊙ M in the place of the factors and the mask: a layer to run, no longer to train.

    Returns:
        A copy in evaluation mode, equal to the layer in that mode, cuts by `eval_rank` and
        `eval_sparsity` included; its weights require no gradient.

    Example:
        >>> dense = dense_layer(LRSCfC(5, 16, rank=4, sparsity=0.5))
        >>> dense.weight_hh_l0.shape, dense.mask()
        (torch.Size([48, 16]), None)
    """
    dense = copy.deepcopy(layer).eval()
    _settle_parametrizations(dense)
    matrices = [dense.recurrent_weight(depth) for depth in range(layer.num_layers)]
    for depth, matrix in enumerate(matrices):
        for stored in ("weight_hh", "weight_hh_w1", "weight_hh_w2"):
            dense._parameters.pop(f"{stored}_l{depth}", None)
        weight = nn.Parameter(matrix.flatten(0, 1).clone())
        dense.register_parameter(f"weight_hh_l{depth}", weight)
        setattr(dense, f"mask_hh_l{depth}", None)
    dense.connectivity = replace(layer.connectivity, rank=None, sparsity=0.0)
    dense.compression = Compression(None, 0.0, limit=layer.compression.limit)
    return dense.requires_grad_(False)


def _settle_parametrizations(layer: LRSLayer) -> None:
    """Put values in the place of `torch.nn.utils.parametrize`'s parametrizations.

    PyTorch's own function for this would take them from the class too, which copies share.
    """
    if not parametrize.is_parametrized(layer):
        return
    names = list(layer.get_submodule("parametrizations")._modules)
    values = {name: getattr(layer, name) for name in names}
    plain = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations
    layer.__class__ = plain
    for name, value in values.items():
        layer.register_parameter(name, nn.Parameter(value))


def freeze_gate(layer: LRSCfC, inputs: Iterable[Tensor]) -> LRSCfC:
    """Hold the gate F of a trained CfC at its mean over clean inputs, unit by unit.

    Args:
        layer: of mode `"paper"`, its gate learned.
        inputs: sequences as the layer takes them; all weigh the same.

    Returns:
        A copy in evaluation mode with `gate="frozen"`.

    Example:
        >>> frozen = freeze_gate(LRSCfC(5, 16), [torch.randn(20, 4, 5)])
        >>> frozen.gate_mean().mean.shape
        torch.Size([16])
    """
    check_gate("frozen", layer.mode)
    if layer.gate == "removed":
        raise ArgumentError("gate is 'removed': the layer has no F whose mean could be measured.")
    frozen = copy.deepcopy(layer)
    frozen.gate, frozen.dropout = "frozen", 0.0
    like = layer.part("weight_ih", 0)
    # An unbounded window: a plain mean over everything given.
    means = [
        GateMean(layer.hidden_size, like.device, like.dtype, window=2**62)
        for _ in range(layer.num_layers)
    ]
    frozen.gate_means = nn.ModuleList(means)
    frozen.train()
    with torch.no_grad():
        for sequence in inputs:
            frozen(sequence)
    frozen.dropout = layer.dropout
    if not int(means[0].batches):
        raise ArgumentError("inputs is empty: give at least one clean sequence.")
    return frozen.eval()


def _check_dense(layer: LRSLayer, function: str) -> None:
    if layer.connectivity.factored or layer.connectivity.sparsity:
        raise ArgumentError(
            f"{function} takes a dense layer, but this one has rank={layer.connectivity.rank} and "
            f"sparsity={layer.connectivity.sparsity:g}: train it with rank=None and sparsity=0."
        )
