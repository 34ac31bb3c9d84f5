"""What a policy computes in one step, as plain weights: what is written into every format.

`W1 W2 ⊙ M` is formed once, cuts of evaluation mode included; a gate that is held or removed is a
constant in the bias; deviations are divided into the first weights, and means go into the first
bias where that costs no digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from lrs_kernels.cell import Variant
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, LRSLayer
from lrs_lightning.nn.encoders import VectorEncoder
from lrs_lightning.nn.heads import BoxHead, Head

_OURS = (LRSCfC, LRSLSTM, LRSGRU, LRSRNN)
_METHODS = ("forward", "run", "scan", "run_cell", "project_input", "weight_for_scan")


@dataclass(frozen=True)
class PlainCell:
    """A recurrent layer of one depth.

    Args:
        name: of the cell and its equations, e.g. `"cfc.paper"`.
        variant: the equations.
        weight_ih: `(G H, I)`.
        weight_hh: `(G H, H)`.
        bias: `(G H,)`, all but those among the extras.
        extras: further inputs of the cell, each `(H,)`.
        timed: whether elapsed times act.
    """

    name: str
    variant: Variant
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor
    extras: dict[str, Tensor] = field(default_factory=dict)
    timed: bool = False


def is_plain(layer: torch.nn.Module) -> bool:
    """Whether a layer is the step of its cell and nothing else, so that `plain_cells` knows it.

    Not so for a projected LSTM, nor for a layer of somebody's own that runs in another way.
    """
    if not isinstance(layer, LRSLayer) or layer.proj_size:
        return False
    kind = type(layer)
    return kind in _OURS or all(getattr(kind, m) is getattr(LRSLayer, m) for m in _METHODS)


@torch.no_grad()
def plain_cells(layer: LRSLayer) -> list[PlainCell]:
    """The cells of a layer in evaluation mode, by depth."""
    return [_cell(layer, depth) for depth in range(layer.num_layers)]


def _cell(layer: LRSLayer, depth: int) -> PlainCell:
    weight_ih = layer.part("weight_ih", depth).detach().clone()
    nothing = weight_ih.new_zeros(1, 1, weight_ih.shape[1])
    bias = layer.project_input(nothing, depth).flatten().detach().clone()
    weight_hh = layer.recurrent_weight(depth).detach().flatten(0, 1).clone()
    timed = layer.knows_time
    if isinstance(layer, LRSCfC) and layer.gate != "learned":
        kept, rest = 2 * layer.hidden_size, layer.hidden_size
        weight_ih = functional.pad(weight_ih[:kept], (0, 0, 0, rest))
        weight_hh = functional.pad(weight_hh[:kept], (0, 0, 0, rest))
        held = bias.new_full((rest,), 0.5)
        if layer.gate == "frozen":
            held = layer.gate_mean(depth).mean.to(bias.dtype)
        bias = torch.cat([bias[:kept], torch.logit(held)])
        timed = False  # the constant is that of the gate as it acted, elapsed times included
    return PlainCell(
        f"{layer.cell.name}.{layer.variant}",
        layer.cell.variants[layer.variant],
        weight_ih,
        weight_hh,
        bias,
        {name: value.detach().clone() for name, value in layer.extras(depth).items()},
        timed,
    )


@dataclass(frozen=True)
class PlainVector:
    """The encoder of vectors: `relu(weight (x - mean)[seen] + bias)`.

    Args:
        mean: of the channels that are seen; None where it is part of the bias.
        seen: their indices; None for all.
        weight: divided by the deviations.
        bias: without what the means contribute, if they are part of it.
    """

    mean: Tensor | None
    seen: Tensor | None
    weight: Tensor
    bias: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, encoder: VectorEncoder) -> PlainVector:
        """Take it out of an encoder."""
        mean, std, seen = encoder.mean.clone(), encoder.std.clone(), encoder.seen
        if seen is not None:
            seen = seen.clone()
            mean, std = mean[seen], std[seen]
        weight, bias = (part.detach().clone() for part in encoder.dense.parameters())
        if not _may_join(weight, mean / std):
            return cls(mean, seen, weight / std, bias)
        joined = bias.double() - weight.double() @ (mean.double() / std.double())
        return cls(None, seen, weight / std, joined.to(bias.dtype))


def _may_join(weight: Tensor, mean: Tensor) -> bool:
    """Whether the means, in deviations, may go into the bias.

    Rounding is as large as the numbers that are summed. Normal observations are about one
    deviation large; means that add no more to the sums than they do cost a bit at most.
    """
    size = weight.abs()
    return bool((size @ mean.abs()).max() <= size.sum(1).max())


@dataclass(frozen=True)
class PlainHead:
    """The head: `middle + reach tanh(weight h + bias)`, or logits, or actions without bounds.

    Args:
        weight: `(A, H)`.
        bias: `(A,)`.
        bounded: whether there is the tanh.
        reach: `(A,)`; None where it is one.
        middle: `(A,)`; None where it is zero.
        start: the first of discrete actions; None for others.
    """

    weight: Tensor
    bias: Tensor
    bounded: bool
    reach: Tensor | None
    middle: Tensor | None
    start: int | None

    @classmethod
    @torch.no_grad()
    def of(cls, head: Head) -> PlainHead:
        """Take it out of a head."""
        weight, bias = (part.detach().clone() for part in head.dense.parameters())
        if not isinstance(head, BoxHead):
            return cls(weight, bias, False, None, None, head.start)
        reach = None if bool((head.reach == 1).all()) else head.reach.clone()
        middle = None if bool((head.middle == 0).all()) else head.middle.clone()
        bounded = head.bounded
        return cls(weight, bias, bounded, *((reach, middle) if bounded else (None, None)), None)
