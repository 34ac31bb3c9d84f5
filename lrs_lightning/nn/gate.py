"""The ablation of a CfC's time-constant network F: hold its gate at a constant.

Without F the cell is a fixed mixture of two vanilla RNNs. If a policy keeps its return when F is
held at its clean mean, then the gate does not adapt to a shift, whatever its values look like.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks

GATES = ("learned", "frozen", "removed")
"""What becomes of F; see `LRSCfC`."""


def check_gate(gate: str, mode: str) -> None:
    """Refuse an unknown gate, and an ablation of F in equations that have no single F."""
    _checks.choice("gate", gate, GATES)
    if gate != "learned" and mode != "paper":
        raise ArgumentError(
            f"gate is {gate!r} with mode {mode!r}: only mode 'paper' has one gate F to freeze "
            "or remove."
        )


def hold_gate(
    x_proj: Tensor,
    weight: Tensor | tuple[Tensor, Tensor],
    mask: Tensor | None,
    mean: Tensor | None = None,
) -> tuple[Tensor, Tensor | tuple[Tensor, Tensor], Tensor | None]:
    """Replace the third gate's pre-activation by a constant, so that the ordinary scan can run.

    Args:
        x_proj: `(T, B, 2H)` or `(T, B, 3H)`.
        weight: dense `(2 or 3, H, H)`, or the pair of factors.
        mask: of the same size, or None.
        mean: constant value of the gate `(H,)`; 1/2 by default, which is F = 0.

    Returns:
        The same three for gates G, H and a constant F.
    """
    factors = weight if isinstance(weight, tuple) else (weight,)
    hidden = factors[0].shape[-2]
    held = _two_gates_and_zeros(factors[0]), *(_two_gates_and_zeros(part) for part in factors[1:])
    kept = x_proj[..., : 2 * hidden]
    if mean is None:
        x_proj = functional.pad(kept, (0, hidden))
    else:
        constant = torch.logit(mean).to(x_proj.dtype).expand(*x_proj.shape[:-1], hidden)
        x_proj = torch.cat([kept, constant], dim=-1)
    new_mask = None if mask is None else _two_gates_and_zeros(mask)
    return x_proj, (held[0] if len(held) == 1 else (held[0], held[1])), new_mask


def _two_gates_and_zeros(part: Tensor) -> Tensor:
    return functional.pad(part[:2], (0, 0, 0, 0, 0, 1))


class GateMean(nn.Module):
    """Running mean of a gate, unit by unit, over the batches of training.

    Within a batch every step of every sequence weighs the same. The first `window` batches weigh
    the same too; from then on the mean forgets, since the network changes.
    """

    mean: Tensor
    batches: Tensor

    def __init__(
        self,
        hidden_size: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        window: int = 100,
    ) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("mean", torch.empty(hidden_size, device=device, dtype=dtype))
        self.register_buffer("batches", torch.empty((), device=device, dtype=torch.long))
        self._spans: list[tuple[Tensor, int | Tensor]] = []
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Forget everything: a mean of 1/2 over no batch."""
        self.mean.fill_(0.5)
        self.batches.zero_()

    @torch.no_grad()
    def add(self, gate: Tensor, valid: Tensor | None = None) -> None:
        """Note the gate's values in one span of a batch, `(T, B, H)`, those of `valid` steps."""
        steps, count = gate.flatten(0, -2), gate.shape[0] * gate.shape[1]  # (T B, H)
        if valid is None:
            self._spans.append((steps.sum(0), count))
        else:
            padding = ~valid.reshape(-1, 1)
            self._spans.append((steps.masked_fill(padding, 0).sum(0), valid.sum()))

    @torch.no_grad()
    def take_in(self) -> None:
        """The batch is complete: let its mean into the running one."""
        sums, counts = zip(*self._spans, strict=True)
        self._spans = []
        self.batches += 1
        share = 1 / self.batches.clamp(max=self.window).to(self.mean.dtype)
        batch = (torch.stack(sums).sum(0) / sum(counts)).to(self.mean.dtype)
        self.mean += share * (batch - self.mean)
