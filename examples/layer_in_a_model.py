"""An LRS layer in a model of your own, beside torch's LSTM: tell the sum of what was marked.

    python examples/layer_in_a_model.py

`LRSCfC`, `LRSLSTM`, `LRSGRU` and `LRSRNN` are modules like those of `torch.nn`: any optimiser, any
loss, any model around them. As there, the batch is the second axis unless `batch_first=True`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lrs_lightning.nn import LRSCfC

HIDDEN = 32


class Adder(nn.Module):
    """From sequences of pairs (number, mark) to the sum of the two marked numbers."""

    def __init__(self, memory: nn.Module) -> None:
        super().__init__()
        self.memory, self.head = memory, nn.Linear(HIDDEN, 1)

    def forward(self, sequences: Tensor) -> Tensor:
        """`(B, T, 2)` -> `(B,)`."""
        states, _ = self.memory(sequences)  # (B, T, H)
        return self.head(states[:, -1]).squeeze(-1)


def low_rank_sparse() -> nn.Module:
    """Recurrent weights of rank 4, half of them zero; the mask is drawn once, from its seed."""
    return LRSCfC(2, HIDDEN, rank=4, sparsity=0.5, mask_seed=0, batch_first=True)


def baseline() -> nn.Module:
    """Torch's own."""
    return nn.LSTM(2, HIDDEN, batch_first=True)


def draw(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences `(B, T, 2)` and their sums `(B,)`."""
    numbers = torch.rand(batch, length, generator=generator)
    places = torch.rand(batch, length, generator=generator).topk(2, dim=1).indices
    marks = torch.zeros(batch, length).scatter_(1, places, 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(1)


def train(
    make: Callable[[], nn.Module] = low_rank_sparse,
    steps: int = 400,
    length: int = 12,
    batch: int = 64,
    seed: int = 0,
) -> tuple[nn.Module, list[float]]:
    """A model, and the loss of each step; always answering 1, the mean, has a loss of 1/6."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Adder(make())
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        sequences, sums = draw(batch, length, generator)
        loss = nn.functional.mse_loss(model(sequences), sums)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    return model, losses


def main(**sizes: int) -> dict[str, list[float]]:
    """Train both; the losses of each."""
    found = {}
    for name, make in {"LRSCfC": low_rank_sparse, "torch.nn.LSTM": baseline}.items():
        model, losses = train(make, **sizes)
        count = sum(p.numel() for p in model.memory.parameters())
        last = losses[-50:]
        print(
            f"{name}: {count} parameters, loss {losses[0]:.3f} at first, "
            f"{sum(last) / len(last):.4f} at last"
        )
        found[name] = losses
        if isinstance(model.memory, LRSCfC):
            weight = model.memory.recurrent_weight()  # (3, H, H): W1 @ W2 * M of each gate
            print(f"  {(weight == 0).float().mean():.0%} of its recurrent weights are zero")
    return found


if __name__ == "__main__":
    main()
    print(f"always answering the mean: {1 / 6:.3f}")
