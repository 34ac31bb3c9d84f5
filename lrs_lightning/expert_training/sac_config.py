"""What a MuJoCo expert's training can be told, with the values of the expert that ships."""

from __future__ import annotations

from dataclasses import dataclass

from lrs_lightning.errors import ArgumentError


@dataclass(frozen=True)
class SACConfig:
    """Soft actor-critic (Haarnoja et al. 2018), as sbx has it."""

    steps: int = 1_350_000
    """Length of the training in environment steps."""
    num_envs: int = 8
    """Environments side by side."""
    train_freq: int = 4
    """Steps of each environment between two rounds of updates."""
    gradient_steps: int = 16
    """Updates of a round."""
    learning_starts: int = 10_000
    """Environment steps with random actions, before the first update."""
    learning_rate: float = 3e-4
    """Of Adam, for actor and critics."""
    batch_size: int = 128
    """Transitions of an update."""
    buffer_size: int = 1_000_000
    """Transitions that are remembered."""
    gamma: float = 0.99
    """Discount per step."""
    tau: float = 0.005
    """Share of the critics that their slow copies take over in each update."""
    hidden_size: int = 256
    """Units of each of the two hidden layers."""
    seed: int = 0
    """Seeds the environments, the networks and the noise."""

    def __post_init__(self) -> None:
        counts = ("steps", "num_envs", "train_freq", "gradient_steps", "batch_size", "hidden_size")
        for name in counts:
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} is {getattr(self, name)}, expected at least 1")
