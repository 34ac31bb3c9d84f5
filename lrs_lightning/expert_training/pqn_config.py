"""What an Atari expert's training can be told, with defaults for two CPU cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lrs_lightning.documents import read_yaml
from lrs_lightning.errors import ArgumentError, did_you_mean


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


def load_recipe(path: str | Path | None, changes: Mapping[str, Any]) -> PQNConfig:
    """The recipe of a YAML file, with some of it changed.

    Args:
        path: a mapping of the fields of `PQNConfig`; None for the defaults.
        changes: fields that win over the file's.

    Raises:
        ArgumentError: the file names no field (the nearest is offered), or gives one a value of
            another kind.
        DataError: the file is missing, or no mapping.
    """
    known = {field.name: type(field.default) for field in fields(PQNConfig)}
    values: dict[str, Any] = {**_read_mapping(path), **changes}
    for name, value in values.items():
        if name not in known:
            raise ArgumentError(f"{path}: unknown key {name!r}{did_you_mean(name, known)}")
        kind = known[name]
        if kind is float and type(value) is int:  # a bool is an int too, and no number here
            values[name] = float(value)
        elif not isinstance(value, kind) or isinstance(value, bool):
            raise ArgumentError(f"{path}: {name} is {value!r}, expected {kind.__name__}")
    return PQNConfig(**values)


def _read_mapping(path: str | Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    return read_yaml(Path(path), dict[str, Any], "a recipe maps keys to values")
