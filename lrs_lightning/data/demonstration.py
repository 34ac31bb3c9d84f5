"""One episode of a demonstration, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
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
        known = {known.name for known in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what has its default is left out."""
        default = asdict(Origin())
        return {key: value for key, value in asdict(self).items() if value != default[key]}


UNKNOWN = Origin()


@dataclass(frozen=True)
class Ending:
    """How an episode ended; None is what nobody recorded.

    Args:
        terminated: the task itself ended it: a goal, a fall.
        truncated: it was cut, as by a time limit, and could have gone on.
        success: the task was solved.
    """

    terminated: bool | None = None
    truncated: bool | None = None
    success: bool | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ending:
        """Read what `to_dict` wrote; what a later version added is left out."""
        return cls(**{known.name: values.get(known.name) for known in fields(cls)})

    def to_dict(self) -> dict[str, bool]:
        """Plain values for JSON; what is not known is left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}


NOT_RECORDED = Ending()
_NO_INFOS: Mapping[str, NDArray[Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Demonstration:
    """One episode of L steps.

    Args:
        observations: what the actor saw, `(L, *observation)`; of a game's pixels each frame once,
            `(L, 1, H, W)`, whose stacks are made when read.
        actions: what was executed, exploration noise included, `(L, A)` or `(L,)`.
        labels: what the labeller would have done, `(L, A)` or `(L,)`: what a student learns.
        rewards: reward of each step, `(L,)`.
        before: of pixels, frames before the first step `(K, 1, H, W)`, where it is not the first of
            the game.
        origin: how it came to be.
        final: what was seen after the last action, `(1, *observation)`, in the form of
            `observations`; None where it was not recorded.
        time: when each observation was made, in seconds, `(L,)`, or `(L + 1,)` with the final one;
            None where steps follow each other evenly.
        ending: how it ended.
        infos: what else was recorded: name -> numbers, `(L, ...)` or `(L + 1, ...)`.
    """

    observations: Any
    actions: NDArray[Any]
    labels: NDArray[Any]
    rewards: NDArray[Any]
    before: NDArray[Any] | None = None
    origin: Origin = UNKNOWN
    final: Any = None
    time: NDArray[Any] | None = None
    ending: Ending = NOT_RECORDED
    infos: Mapping[str, NDArray[Any]] = field(default_factory=lambda: _NO_INFOS)

    def __len__(self) -> int:
        return len(self.observations)

    @property
    def return_(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())
