"""One episode of a demonstration, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Origin:
    """How an episode came to be; a store keeps one for each of its episodes.

    Args:
        actor: who chose the actions that were executed; None where it is not known.
        labeller: who chose the labels.
        round: of DAgger (Ross et al. 2011); 0 is an expert's own demonstration.
        beta: share of the steps on which the labeller acted, the rest being the student's.
        noise: strength of the noise on executed actions.
        seed: of the environment.
        held_out: whether the episode is kept for validation by whoever made the store.
    """

    actor: str | None = None
    labeller: str | None = None
    round: int = 0
    beta: float = 1.0
    noise: float = 0.0
    seed: int | None = None
    held_out: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Origin:
        """Read what `to_dict` wrote; what a later version added is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what has its default is left out."""
        default = asdict(Origin())
        return {key: value for key, value in asdict(self).items() if value != default[key]}


UNKNOWN = Origin()


@dataclass(frozen=True)
class Demonstration:
    """One episode of L steps.

    Args:
        observations: what the actor saw, `(L, *observation)`; of pixels each frame once, `(L, 1,
            H, W)`, whose stacks are made when read.
        actions: what was executed, exploration noise included, `(L, A)` or `(L,)`.
        labels: what the labeller would have done, `(L, A)` or `(L,)`: what a student learns.
        rewards: reward of each step, `(L,)`.
        before: of pixels, frames before the first step `(K, 1, H, W)`, where it is not the first of
            the game.
        origin: how it came to be.
    """

    observations: Any
    actions: NDArray[Any]
    labels: NDArray[Any]
    rewards: NDArray[Any]
    before: NDArray[Any] | None = None
    origin: Origin = UNKNOWN

    def __len__(self) -> int:
        return len(self.observations)

    @property
    def return_(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())
