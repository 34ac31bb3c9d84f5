"""The vanilla RNN layer: `h' = tanh(W x + b + U h + b')`, U low-rank and sparse."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lrs_kernels import rnn_scan
from lrs_lightning.nn import _checks
from lrs_lightning.nn._low_precision import run_scan
from lrs_lightning.nn.recurrent import LRSLayer

NONLINEARITIES = ("tanh", "relu")


class LRSRNN(LRSLayer):
    """Vanilla RNN with a low-rank sparse recurrent matrix; a drop-in for `torch.nn.RNN`.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        nonlinearity: `"tanh"` or `"relu"`.
        *args: further ones of `LRSLayer`, in the order of `torch.nn.RNN`.
        **options: those of `LRSLayer`: `rank`, `sparsity`, `init`, `mask_seed` and the others.

    Example:
        >>> import torch
        >>> y, h = LRSRNN(5, 16, rank=4)(torch.randn(7, 2, 5))
        >>> y.shape, h.shape
        (torch.Size([7, 2, 16]), torch.Size([1, 2, 16]))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **options: Any,
    ) -> None:
        _checks.choice("nonlinearity", nonlinearity, NONLINEARITIES)
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, *args, **options)

    def scan(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over time, `(T, B, I)` -> `(T, B, H)` and its final state `(B, H)`."""
        weight, mask = self.weight_for_scan(layer)
        y, h_n = run_scan(
            rnn_scan,
            self.project_input(x, layer),
            weight,
            state[0],
            mask=mask,
            resets=resets,
            nonlinearity=self.nonlinearity,
        )
        return y, (h_n,)
