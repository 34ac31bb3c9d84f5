"""What a module must offer to be played: callbacks ask for this, not for a class of ours."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from lrs_lightning.data import Task
from lrs_lightning.data.timespans import timespan_of
from lrs_lightning.nn import RecurrentPolicy
from lrs_lightning.rollout import Policy, TorchPolicy
from lrs_lightning.shifts import ShiftContext


@runtime_checkable
class Playable(Protocol):
    """A module whose policies can be played in closed loop: one, or the members of a population."""

    task: Task | None
    """What they were made for; None before `setup`."""

    def policies(self) -> dict[str, Policy]:
        """Name -> policy, as they are now."""

    def describe(self) -> dict[str, dict[str, Any]]:
        """Name -> what `summary.json` says of it: configuration, number of parameters."""

    def shift_context(self) -> ShiftContext | None:
        """Mean and deviation of the training data: the unit of shifts that are measured in it."""


def context_of(policy: RecurrentPolicy) -> ShiftContext | None:
    """The mean and deviation that a policy normalises with; None where it has none."""
    mean, std = (getattr(policy.encoder, name, None) for name in ("mean", "std"))
    if mean is None or std is None:
        return None
    return ShiftContext(observation_mean=mean.cpu().numpy(), observation_std=std.cpu().numpy())


def as_played(policy: RecurrentPolicy, task: Task | None) -> TorchPolicy:
    """A policy for the closed loop of its task, told how long a step lasts if it learned that."""
    if task is None:
        return TorchPolicy(policy)
    timespan = timespan_of(task) if policy.knows_time else None
    return TorchPolicy(policy, task.action_space, timespan=timespan)


def playable(module: object) -> tuple[Playable, Task]:
    """A module that can be played, and the task it is for.

    Raises:
        TypeError: it cannot, or is not set up yet.
    """
    if not isinstance(module, Playable) or module.task is None:
        raise TypeError(
            f"{type(module).__name__} cannot be played in closed loop: it needs a task and the "
            "methods policies, describe and shift_context, as in training/playable.py"
        )
    return module, module.task
