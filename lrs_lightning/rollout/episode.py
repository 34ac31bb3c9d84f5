"""What is known of an episode once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from lrs_lightning.shifts import Condition

Array = NDArray[Any]


@dataclass(frozen=True)
class Trajectory:
    """The L steps of an episode; step t is what was seen, then done, then earned."""

    observations: Array
    """What the policy saw, shifts included, `(L, ...)`."""
    actions: Array
    """What was executed: within bounds, exploration and shifts included, `(L, ...)`."""
    wanted: Array
    """What the acting policy itself wanted, `(L, ...)`."""
    labels: Array
    """What should have been done, for training: what the labeller would have done on the same
    observations, `(L, ...)`; `wanted` where no other policy labels."""
    rewards: Array
    """`(L,)`, float64."""
    final: Array | None = None
    """What the world showed after the last action, shifts left out, `(...)`."""
    states: Mapping[str, Array] = field(default_factory=dict)
    """What the acting policy remembered after each step, if that was asked for: name -> `(L, ...)`;
    a recurrent layer has `h (L, H)`, an LSTM `c` too. Empty for a policy that remembers nothing."""


@dataclass(frozen=True)
class Episode:
    """One policy's episode under one condition.

    Attributes:
        policy: its name.
        env: environment id.
        shift: name of the condition (`Condition.shift`).
        severity: severity of the condition.
        episode: index of the episode, that of its seed.
        seed: seed of the environment.
        return_: sum of all rewards.
        length: number of steps.
        status: `"ok"`, or `"failed"` if environment or policy broke on the way; the return is then
            that of the steps before.
        error: why it failed.
        terminated: whether the task ended it, rather than its time limit.
        outcome: the same for two episodes of the same actions and rewards, step by step.
        success: whether the environment called the task solved (`is_success` or `success` in its
            infos); None where it never says.
        fell_at: steps until it fell for good: the task ended it without success, or its body lay
            down (see `EnvInfo.fallen`); None where it did not.
        trajectory: its steps, if they were recorded.
    """

    policy: str
    env: str
    shift: str
    severity: int
    episode: int
    seed: int
    return_: float
    length: int
    status: Literal["ok", "failed"] = "ok"
    error: str | None = None
    terminated: bool = False
    outcome: str = ""
    success: bool | None = None
    fell_at: int | None = None
    trajectory: Trajectory | None = None

    @property
    def condition(self) -> Condition:
        """The condition it was played under."""
        return Condition(self.shift, self.severity)

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells it from all others of a rollout: policy, shift, severity, episode."""
        return self.policy, self.shift, self.severity, self.episode

    def row(self) -> dict[str, Any]:
        """The line of `results.jsonl`."""
        row = {
            "policy": self.policy,
            "env": self.env,
            "shift": self.shift,
            "severity": self.severity,
            "episode": self.episode,
            "seed": self.seed,
            "return": self.return_,
            "length": self.length,
            "status": self.status,
        }
        return row if self.error is None else {**row, "error": self.error}
