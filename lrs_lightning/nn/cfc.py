"""The closed-form continuous-time layer: two vanilla RNNs G and H, and a gate F between them.

Hasani et al. (2022) give the cell, Tumma et al. (2024) read it without a backbone:

    g = tanh(W_G x + U_G h + b_G),  h~ = tanh(W_H x + U_H h + b_H)
    f = sigmoid(dt (W_F x + U_F h + b_F)),  h' = g (1 - f) + h~ f

where U_G, U_H and U_F are the low-rank sparse recurrent matrices.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrs_kernels.cells import cfc
from lrs_lightning.nn import _checks
from lrs_lightning.nn.gate import GateMean, check_gate, hold_gate
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.running import runs_plainly

MODES = tuple(cfc.CELL.variants)
"""Cell equations."""


class LRSCfC(LRSLayer):
    """Closed-form continuous-time layer with low-rank sparse recurrent matrices.

    Gates stand in the order G, H, F (`"default"` and `"no_gate"`: G, H, time_a, time_b, as ff1,
    ff2, time_a and time_b of ncps), `(G H, ...)` in the parameters. There is one bias,
    `bias_ih_l0`.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        bias: whether the layers have biases.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`; states stay as they are.
        dropout: probability of dropping outputs between layers, in training.
        bidirectional: refused; it stands here for the order of torch.nn's arguments.
        proj_size: refused; a CfC has no projection.
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
        mode: `"paper"` (G, H and F as above), or ncps' `"default"` (f = sigmoid(dt z_a + z_b)),
            `"no_gate"` (h' = g + f h~) or `"pure"` (h' = A - A exp(-dt (|w_tau| + |z|)) z).
        gate: `"learned"`; `"removed"`: no F at all, f = 1/2; `"frozen"`: F learns, but evaluation
            replaces it by its mean over the training data, unit by unit. Both are ablations of mode
            `"paper"`.

    Raises:
        ArgumentError: a size below 1, a rank outside 1 ... H, a sparsity outside [0, 1), an unknown
            name.

    Example:
        >>> layer = LRSCfC(128, 64, rank=8, sparsity=0.5, batch_first=True)
        >>> y, h = layer(torch.randn(4, 10, 128))
        >>> y.shape, h.shape, layer.recurrent_weight().shape
        (torch.Size([4, 10, 64]), torch.Size([1, 4, 64]), torch.Size([3, 64, 64]))
    """

    cell = cfc.CELL
    biases = 1

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
        mode: str = "paper",
        gate: str = "learned",
    ) -> None:
        _checks.choice("CfC mode", mode, MODES)
        check_gate(gate, mode)
        self.mode, self.gate = mode, gate
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
        if gate == "frozen":
            self.gate_means = nn.ModuleList(
                GateMean(hidden_size, device, dtype) for _ in range(num_layers)
            )

    def make_parameters(self, layer: int, kind: dict[str, Any]) -> None:
        """Make the parameters of one layer, without values; `"pure"` has two of its own."""
        super().make_parameters(layer, kind)
        if self.mode == "pure":
            for name in ("w_tau", "amplitude"):
                self.add_parameter(name, layer, (self.hidden_size,), kind)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights anew; the time constants of `"pure"` start at 0, its amplitudes at 1."""
        super().reset_parameters()
        for layer in range(self.num_layers if self.mode == "pure" else 0):
            self.part("w_tau", layer).zero_()
            self.part("amplitude", layer).fill_(1)
        for mean in getattr(self, "gate_means", ()):
            mean.reset_parameters()

    @property
    def variant(self) -> str:
        """The mode."""
        return self.mode

    @property
    def stays_small(self) -> bool:
        """Yes where a state is made of a tanh or two; `"pure"` has a factor without limit."""
        return self.cell is cfc.CELL and self.mode != "pure"

    @property
    def gates(self) -> int:
        """Number of recurrent matrices: 2 where F is removed, which a constant then replaces."""
        return 2 if self.gate == "removed" else super().gates

    @property
    def is_plain(self) -> bool:
        """Where F is learned, and not held."""
        return self.gate == "learned" and runs_plainly(type(self), LRSCfC)

    def extras(self, layer: int) -> dict[str, Tensor]:
        """The two constants of mode `"pure"`."""
        names = ("w_tau", "amplitude") if self.mode == "pure" else ()
        return {name: self.part(name, layer) for name in names}

    def gate_mean(self, layer: int = 0) -> GateMean:
        """The running mean of the gate F of one layer (with `gate="frozen"`)."""
        found = self.gate_means[layer]
        assert isinstance(found, GateMean)
        return found

    def scan(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
        valid: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over time, `(T, B, I)` -> `(T, B, H)` and its final state `(B, H)`."""
        if self.gate == "learned":
            return super().scan(x, state, timespans, resets, layer, valid)
        x_proj = self.project_input(x, layer)
        weight, mask = self.weight_for_scan(layer)
        if self.gate == "removed":
            x_proj, weight, mask = hold_gate(x_proj, weight, mask)
        elif self.gate == "frozen" and not self.training:
            held = self.gate_mean(layer).mean
            x_proj, weight, mask = hold_gate(x_proj, weight, mask, held)
            timespans = None  # the mean is that of the gate as it acted, elapsed times included
        options = {"mask": mask, "timespans": timespans, "resets": resets}
        y, final = self.run_cell(x_proj, weight, state, layer, **options)
        if self.gate == "frozen" and self.training:
            gate = self._gate_values(x_proj, y, state[0], timespans, resets, layer)
            self.gate_mean(layer).add(gate, valid)
        return y, final

    def _call_ends(self) -> None:
        if self.gate == "frozen" and self.training:
            for layer in range(self.num_layers):
                self.gate_mean(layer).take_in()

    @torch.no_grad()
    def _gate_values(
        self,
        x_proj: Tensor,
        y: Tensor,
        h0: Tensor,
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
    ) -> Tensor:
        """The gate F of every step, recomputed from the states, `(T, B, H)`."""
        before = torch.cat([h0.unsqueeze(0), y[:-1]])
        if resets is not None:
            before = before.masked_fill(resets.unsqueeze(-1) != 0, 0)
        recurrent = functional.linear(before, self.recurrent_weight(layer)[2])
        pre = x_proj[..., 2 * self.hidden_size :] + recurrent
        return torch.sigmoid(pre if timespans is None else pre * timespans.unsqueeze(-1))
