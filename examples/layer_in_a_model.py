"""An LRS layer in a model of your own: read a sequence, tell the sum of what was marked.

    python examples/layer_in_a_model.py

`LRSCfC`, `LRSLSTM`, `LRSGRU` and `LRSRNN` are modules like those of `torch.nn`: any optimiser, any
loss, any model around them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrs_lightning.nn import LRSCfC


class Adder(nn.Module):
    """From sequences of pairs (number, mark) to the sum of the two marked numbers."""

    def __init__(self, hidden_size: int = 32) -> None:
        super().__init__()
        # Recurrent weights of rank 4, half of them zero; the mask is drawn once, from its seed.
        self.memory = LRSCfC(2, hidden_size, rank=4, sparsity=0.5, mask_seed=0)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, sequences: Tensor) -> Tensor:
        """`(B, T, 2)` -> `(B,)`."""
        states, _ = self.memory(sequences)  # (B, T, H)
        return self.head(states[:, -1]).squeeze(-1)


def draw(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences `(B, T, 2)` and their sums `(B,)`."""
    numbers = torch.rand(batch, length, generator=generator)
    places = torch.rand(batch, length, generator=generator).topk(2, dim=1).indices
    marks = torch.zeros(batch, length).scatter_(1, places, 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(1)


def train(steps: int = 600, length: int = 20, batch: int = 64, seed: int = 0) -> list[float]:
    """The loss of each step.

    Always answering 1, the mean, has a loss of 1/6. The task is a hard one: the steps of the
    default come as far as that and hardly further; give more for less.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Adder()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(steps):
        sequences, sums = draw(batch, length, generator)
        loss = nn.functional.mse_loss(model(sequences), sums)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    weight = model.memory.recurrent_weight()  # (3, H, H): W1 @ W2 * M of each gate
    print(f"{(weight == 0).float().mean():.0%} of the recurrent weights are zero")
    return losses


if __name__ == "__main__":
    losses = train()
    print(f"loss {losses[0]:.3f} at first, {sum(losses[-50:]) / 50:.4f} at last")
