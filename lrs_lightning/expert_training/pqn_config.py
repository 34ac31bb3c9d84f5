"""What an Atari expert's training can be told, with defaults for two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass

from lrs_lightning.errors import ArgumentError

FREE = frozenset({"threads"})
"""What a training that goes on may change: nothing that it learns by. The learning rate falls with
the share of `decisions` that is done, so that these are not free either."""


@dataclass(frozen=True)
class PQNConfig:
    """Parallelised Q-learning (Gallici et al. 2024): no replay memory, no target network."""

    env_id: str = "Seaquest"
    """The game; `Seaquest` and `ALE/Seaquest-v5` mean the same."""
    decisions: int = 4_000_000
    """Length of the training in decisions (a decision is four frames)."""
    num_envs: int = 32
    """Games played side by side, N."""
    rollout_steps: int = 32
    """Decisions of each game between two rounds of updates, T."""
    epochs: int = 2
    """Passes over a rollout."""
    minibatch: int = 64
    """Samples of one update; divides `num_envs * rollout_steps`."""
    learning_rate: float = 2.5e-4
    """Of RAdam, at the start; falls linearly to a tenth at `decisions`."""
    gamma: float = 0.99
    """Discount per decision."""
    lam: float = 0.65
    """Lambda of the returns."""
    epsilon_last: float = 0.01
    """Share of random actions after the decay; it starts at 1."""
    epsilon_decisions: int = 250_000
    """Decisions over which epsilon falls linearly."""
    max_grad_norm: float = 10.0
    """Gradients are clipped to this norm."""
    sticky: float = 0.0
    """Probability that the game repeats the previous action."""
    encoder: str = "small"
    """Pixel encoder: `small` or `nature`, with layer norms."""
    checkpoint_rollouts: int = 100
    """Rollouts between checkpoints; the games start anew at each, so that resuming is exact."""
    threads: int = 1
    """Threads of the emulators."""
    seed: int = 0
    """Seeds initialisation, games, exploration and order of samples."""

    def __post_init__(self) -> None:
        if self.samples % self.minibatch:
            raise ArgumentError(
                f"minibatch {self.minibatch} does not divide num_envs * rollout_steps, "
                f"which is {self.samples}"
            )

    @property
    def samples(self) -> int:
        """Decisions of one rollout, N T."""
        return self.num_envs * self.rollout_steps

    def epsilon(self, decisions: int) -> float:
        """Share of random actions after so many decisions."""
        left = max(0.0, 1 - decisions / self.epsilon_decisions)
        return self.epsilon_last + (1 - self.epsilon_last) * left

    def rate(self, decisions: int) -> float:
        """Learning rate after so many decisions."""
        left = max(0.0, 1 - decisions / self.decisions)
        return self.learning_rate * (0.1 + 0.9 * left)
