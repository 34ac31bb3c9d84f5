"""Read the cells of a layer: ours with every control, or `torch.nn.RNN`, `GRU` and `LSTM`."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.analysis.cells.base import Cell
from lrs_lightning.analysis.cells.cfc import CfCCell, HeldCfCCell, PureCfCCell
from lrs_lightning.analysis.cells.gru import GRUCell
from lrs_lightning.analysis.cells.lstm import LSTMCell
from lrs_lightning.analysis.cells.rnn import RNNCell
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, LRSLayer


@torch.no_grad()
def read_cells(
    layer: nn.Module, dtype: torch.dtype = torch.float64, timespan: float = 1.0
) -> list[Cell]:
    """The cells of all layers of a recurrent module, as it acts in evaluation mode.

    Args:
        layer: an LRS layer, or `torch.nn.RNN`, `GRU` or `LSTM`.
        dtype: of the copies; float64 keeps the tail of a Lyapunov spectrum.
        timespan: time between two steps, which a CfC knows.

    Raises:
        ArgumentError: a module without recurrent state, or one that also runs backward in time.
        DataError: weights that are not finite.
    """
    layer = settled(layer, dtype)
    depths = range(layer.num_layers)
    if isinstance(layer, LRSLayer):
        cells = [_of_ours(layer, depth, timespan) for depth in depths]
    else:
        cells = [_of_torch(layer, depth) for depth in depths]
    for depth, cell in enumerate(cells):
        _check_finite(cell, depth)
    return cells


def settled(layer: nn.Module, dtype: torch.dtype = torch.float64) -> LRSLayer | nn.RNNBase:
    """A copy in evaluation mode, on the CPU, whose products W1 W2 are made in `dtype`.

    In float64 a product of low rank has that rank to 16 digits; made in float32 it would have none.

    Raises:
        ArgumentError: a module without recurrent state, or one that also runs backward in time.
    """
    if not isinstance(layer, LRSLayer | nn.RNNBase):
        raise ArgumentError(
            f"{type(layer).__name__} has no recurrent state to analyse: give an LRS layer or "
            "torch.nn.RNN, GRU or LSTM (a policy of cell cfc, lstm, gru or rnn)."
        )
    if layer.bidirectional:
        raise ArgumentError(
            "the layer is bidirectional, and a policy cannot see the future: analyse one that "
            "runs forward in time."
        )
    return copy.deepcopy(layer).to(device="cpu", dtype=dtype).requires_grad_(False).eval()


def _check_finite(cell: Cell, depth: int) -> None:
    for name, tensor in vars(cell).items():
        if isinstance(tensor, Tensor) and not bool(torch.isfinite(tensor).all()):
            count = int((~torch.isfinite(tensor)).sum())
            raise DataError(
                f"{count} of {tensor.numel()} numbers of {name} in recurrent layer {depth} are not "
                "finite: training diverged; analyse an earlier checkpoint, or train with a smaller "
                "model.lr"
            )


def _of_ours(layer: Any, depth: int, timespan: float) -> Cell:
    weight, entering = layer.recurrent_weight(depth), layer.part("weight_ih", depth)
    nothing = entering.new_zeros(1, 1, entering.shape[-1])
    bias = layer.project_input(nothing, depth)[0, 0]
    if isinstance(layer, LRSCfC):
        return _cfc(layer, depth, weight, entering, bias, timespan)
    if isinstance(layer, LRSLSTM):
        projection = layer.part("weight_hr", depth) if layer.proj_size else None
        return LSTMCell(weight, entering, bias, projection)
    if isinstance(layer, LRSGRU):
        held = layer.part("bias_hh", depth)[2 * layer.hidden_size :] if layer.bias else None
        return GRUCell(weight, entering, bias, held)
    if isinstance(layer, LRSRNN):
        return RNNCell(weight, entering, bias, layer.nonlinearity)
    raise ArgumentError(
        f"{type(layer).__name__} is no cell known here: there is LRSCfC, LRSLSTM, LRSGRU, LRSRNN."
    )


def _cfc(
    layer: LRSCfC, depth: int, weight: Tensor, entering: Tensor, bias: Tensor, timespan: float
) -> Cell:
    if layer.mode == "pure":
        own = layer.part("w_tau", depth), layer.part("amplitude", depth)
        return PureCfCCell(weight, entering, bias, *own, timespan)
    if layer.gate != "learned":
        held = layer.gate_mean(depth).mean if layer.gate == "frozen" else None
        kept = 2 * layer.hidden_size
        return HeldCfCCell(weight[:2], entering[:kept], bias[:kept], held)
    parts = len(weight)
    maps, offsets = entering.view(parts, layer.hidden_size, -1), bias.view(parts, -1)
    weight, maps, offsets = (_timed(part, timespan) for part in (weight, maps, offsets))
    additive = layer.mode == "no_gate"
    return CfCCell(weight, maps.flatten(0, 1), offsets.flatten(), additive=additive)


def _timed(gates: Tensor, timespan: float) -> Tensor:
    """G, H and what F reads of a time between steps: `dt F`, or ncps' `dt time_a + time_b`."""
    f = timespan * gates[2:3]
    return torch.cat([gates[:2], f + gates[3:] if len(gates) == 4 else f])


def _of_torch(layer: Any, depth: int) -> Cell:
    def part(name: str) -> Tensor:
        found: Tensor = getattr(layer, f"{name}_l{depth}")
        return found

    gates = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    size = layer.hidden_size
    weight, entering = part("weight_hh").view(gates, size, -1), part("weight_ih")
    bias, held = entering.new_zeros(gates * size), None
    if layer.bias:
        hidden = part("bias_hh").clone()
        if layer.mode == "GRU":
            held = hidden[2 * size :].clone()
            hidden[2 * size :] = 0
        bias = part("bias_ih") + hidden
    if layer.mode == "LSTM":
        projection = part("weight_hr") if layer.proj_size else None
        return LSTMCell(weight, entering, bias, projection)
    if layer.mode == "GRU":
        return GRUCell(weight, entering, bias, held)
    return RNNCell(weight, entering, bias, "relu" if layer.mode == "RNN_RELU" else "tanh")
