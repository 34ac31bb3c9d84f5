"""The vanilla RNN layer: `h' = tanh(W x + b + U h + b')`, U low-rank and sparse."""

from __future__ import annotations

import torch

from lrs_kernels.cells import rnn
from lrs_lightning.nn import _checks
from lrs_lightning.nn.recurrent import LRSLayer

NONLINEARITIES = ("tanh", "relu")


class LRSRNN(LRSLayer):
    """Vanilla RNN with a low-rank sparse recurrent matrix; a drop-in for `torch.nn.RNN`.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        nonlinearity: `"tanh"` or `"relu"`.
        bias: whether the layers have biases.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`; states stay as they are.
        dropout: probability of dropping outputs between layers, in training.
        bidirectional: refused; it stands here for the order of torch.nn's arguments.
        proj_size: refused; an RNN has no projection.
        device: where the parameters live.
        dtype: their type.
        rank: rank r of every recurrent matrix; None for a dense one.
        sparsity: fraction s of zeros in the fixed masks.
        init: `"orthogonal"`, `"glorot"` or `"uniform"`.
        mask_seed: seed of the masks alone.
        share_mask: the same mask for all gates of a layer.
        factor_full_rank: keep two factors even where the rank is full.
        recurrent_scale: factor on the initial recurrent matrices.
        eval_rank: cut the trained matrices to this rank in evaluation mode.
        eval_sparsity: prune this fraction of their smallest entries in evaluation mode.
        backend: what runs the scan; see `LRSLayer`.

    Example:
        >>> import torch
        >>> y, h = LRSRNN(5, 16, rank=4)(torch.randn(7, 2, 5))
        >>> y.shape, h.shape
        (torch.Size([7, 2, 16]), torch.Size([1, 2, 16]))
    """

    cell = rnn.CELL

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        rank: int | None = None,
        sparsity: float = 0.0,
        init: str = "orthogonal",
        mask_seed: int = 0,
        share_mask: bool = False,
        factor_full_rank: bool = False,
        recurrent_scale: float = 1.0,
        eval_rank: int | None = None,
        eval_sparsity: float = 0.0,
        backend: str = "auto",
    ) -> None:
        _checks.choice("nonlinearity", nonlinearity, NONLINEARITIES)
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            rank=rank,
            sparsity=sparsity,
            init=init,
            mask_seed=mask_seed,
            share_mask=share_mask,
            factor_full_rank=factor_full_rank,
            recurrent_scale=recurrent_scale,
            eval_rank=eval_rank,
            eval_sparsity=eval_sparsity,
            backend=backend,
        )

    @property
    def variant(self) -> str:
        """The nonlinearity."""
        return self.nonlinearity

    @property
    def stays_small(self) -> bool:
        """Yes where it is tanh."""
        return self.cell is rnn.CELL and self.nonlinearity == "tanh"
