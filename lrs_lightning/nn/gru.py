"""The gated recurrent unit, with torch's placement of the reset gate.

r = sigmoid(W_r x + U_r h + ...),  z = sigmoid(W_z x + U_z h + ...)
n = tanh(W_n x + b_in + r (U_n h + b_hn)),  h' = (1 - z) n + z h
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lrs_kernels.cells import gru
from lrs_lightning.nn.recurrent import LRSLayer


class LRSGRU(LRSLayer):
    """Gated recurrent unit with low-rank sparse recurrent matrices; a drop-in for `torch.nn.GRU`.

    Gates stand in torch's order r, z, n.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        bias: whether the layers have biases.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`; states stay as they are.
        dropout: probability of dropping outputs between layers, in training.
        bidirectional: refused; it stands here for the order of torch.nn's arguments.
        proj_size: refused; a GRU has no projection.
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
        >>> y, h = LRSGRU(5, 16, rank=4, sparsity=0.2)(torch.randn(7, 2, 5))
        >>> y.shape, h.shape
        (torch.Size([7, 2, 16]), torch.Size([1, 2, 16]))
    """

    cell = gru.CELL

    @property
    def stays_small(self) -> bool:
        """Yes: a state lies between the one before and a tanh."""
        return self.cell is gru.CELL

    def input_part(self, layer: int) -> tuple[Tensor, Tensor | None]:
        """W_ih, and all biases but that of the candidate n, which the reset gate multiplies."""
        bias: Tensor | None = None
        if self.bias:
            hidden = self.part("bias_hh", layer)[: 2 * self.hidden_size]
            bias = self.part("bias_ih", layer) + functional.pad(hidden, (0, self.hidden_size))
        return self.part("weight_ih", layer), bias

    def extras(self, layer: int) -> dict[str, Tensor]:
        """The candidate's bias inside the reset gate."""
        return {"bias_n": self.part("bias_hh", layer)[2 * self.hidden_size :]} if self.bias else {}
