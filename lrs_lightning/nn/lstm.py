"""The long short-term memory layer, with torch's gates i, f, g, o and optional projection.

i, f, o = sigmoid(W x + U h + b + b'),  g = tanh(...),  c' = f c + i g,  h' = o tanh(c')
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrs_kernels import recurrent_layer
from lrs_kernels.cells import lstm
from lrs_lightning.nn._padding import in_the_open, zero_padding
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.running import runs_plainly

_SHUT = 1e4
"""A pre-activation at which a sigmoid is 0 or 1 to the last digit; float16 still holds it."""


class LRSLSTM(LRSLayer):
    """LSTM with low-rank sparse recurrent matrices; a drop-in for `torch.nn.LSTM`.

    Gates stand in torch's order i, f, g, o. The forget gate's bias starts at 1, unless `init` is
    `"uniform"`, torch's own scheme.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        bias: whether the layers have biases.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`; states stay as they are.
        dropout: probability of dropping outputs between layers, in training.
        bidirectional: refused; it stands here for the order of torch.nn's arguments.
        proj_size: P; the hidden state is projected to `(B, P)` by `weight_hr_l0 (P, H)`, and the
            recurrent matrices are H x P. 0 for no projection.
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
        forget_bias: initial bias of the forget gate.

    Example:
        >>> y, (h, c) = LRSLSTM(5, 16, rank=4)(torch.randn(7, 2, 5))
        >>> y.shape, h.shape, c.shape
        (torch.Size([7, 2, 16]), torch.Size([1, 2, 16]), torch.Size([1, 2, 16]))
    """

    cell = lstm.CELL
    projects = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
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
        forget_bias: float = 1.0,
    ) -> None:
        self.forget_bias = forget_bias
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

    def make_parameters(self, layer: int, kind: dict[str, Any]) -> None:
        """Make the parameters of one layer, without values, the projection's included."""
        super().make_parameters(layer, kind)
        if self.proj_size:
            self.add_parameter("weight_hr", layer, (self.proj_size, self.hidden_size), kind)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's global generator, and the masks from their seed."""
        super().reset_parameters()
        if next(self.parameters()).is_meta:
            return
        uniform = self.connectivity.init == "uniform"
        bound = self.hidden_size**-0.5
        for layer in range(self.num_layers):
            if self.bias and not uniform:
                forget = slice(self.hidden_size, 2 * self.hidden_size)
                self.part("bias_ih", layer)[forget] = self.forget_bias
            if self.proj_size and uniform:
                nn.init.uniform_(self.part("weight_hr", layer), -bound, bound)
            elif self.proj_size:
                nn.init.xavier_uniform_(self.part("weight_hr", layer))

    def scan(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
        valid: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over time, `(T, B, I)` -> `(T, B, H or P)`, and its final h and c."""
        if self.proj_size:
            x_proj = self.hold(self.project_input(x, layer), valid)
            return self._scan_projected(x_proj, state, resets, layer)
        if valid is not None and self._may_hold_by_input() and in_the_open(x):
            return self._scan_held(x, state, resets, layer, valid)
        return super().scan(x, state, timespans, resets, layer, valid)

    @property
    def rows_apart(self) -> bool:
        """A projection of h is a product of a library."""
        return not self.proj_size and super().rows_apart

    @property
    def is_plain(self) -> bool:
        """Where h has no projection."""
        return not self.proj_size and runs_plainly(type(self), LRSLSTM)

    @property
    def can_hold(self) -> bool:
        """Yes: gates can."""
        return True

    def hold(self, x_proj: Tensor, valid: Tensor | None) -> Tensor:
        """Let nothing enter c in padding, and nothing leave it: i = 0, f = 1."""
        if valid is None:
            return x_proj
        return torch.where(valid.unsqueeze(-1), x_proj, self._closed(x_proj))

    def _may_hold_by_input(self) -> bool:
        """Whether nobody has a projection, a run or a `hold` of their own."""
        return type(self).hold is LRSLSTM.hold and self._projects_plainly(None)

    def _closed(self, like: Tensor) -> Tensor:
        """Pre-activations of gates that hold c, `(4 H,)`."""
        return like.new_tensor([-_SHUT, _SHUT, 0, 0]).repeat_interleave(self.hidden_size)

    def _scan_held(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        resets: Tensor | None,
        layer: int,
        valid: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """`scan` with padding, whose input is projected on the way as where there is none.

        Padding is one feature more, which shuts the gates by weights of its own.
        """
        x = zero_padding(x, valid) if layer else x  # the first layer's input comes with zeros
        x = torch.cat([x, (~valid).unsqueeze(-1).to(x.dtype)], dim=-1)  # (T, B, I + 1)
        weight_ih, bias = self.input_part(layer)
        weight_ih = torch.cat([weight_ih, self._closed(weight_ih).unsqueeze(-1)], dim=-1)
        weight, mask = self.weight_for_scan(layer)
        options = {"mask": mask, "resets": resets, "backend": self.backend}
        given: dict[str, Any] = {**self.extras(layer), **options}
        return recurrent_layer(self.cell, x, weight_ih, bias, weight, state, **given)

    def _scan_projected(
        self, x_proj: Tensor, state: tuple[Tensor, ...], resets: Tensor | None, layer: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The projected cell by way of the plain one.

        With m = o tanh(c) and h = V m, the recurrent term is U h = (U V) m: the plain recurrence of
        m with matrices U V. The given h_0 need not be any V m, so its term joins the first input.
        """
        h0, c0 = state
        recurrent = self.recurrent_weight(layer)  # (G, H, P)
        projection = self.part("weight_hr", layer)  # (P, H)
        first = functional.linear(h0, recurrent.flatten(0, 1))
        if resets is not None:
            first = first.masked_fill(resets[0].unsqueeze(-1) != 0, 0)
        x_proj = x_proj.select_scatter(x_proj[0] + first, 0, 0)
        m0 = torch.zeros_like(c0)
        weight = recurrent @ projection  # (G, H, H)
        m, (_, c_n) = self.run_cell(x_proj, weight, (m0, c0), layer, resets=resets)
        y = functional.linear(m, projection).to(m.dtype)  # autocast lowers products, not states
        return y, (y[-1], c_n)
