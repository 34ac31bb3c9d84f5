"""A trained policy from a checkpoint or a run folder; nothing that the file brings along is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrs_lightning.data import Task
from lrs_lightning.errors import ArgumentError, DataError, UnknownNameError
from lrs_lightning.nn import RecurrentPolicy, build_policy, read_config
from lrs_lightning.training.checkpoint_files import load_checkpoint

_PREFIX = (
    "policy."  # its attribute in `ImitationModule`, which is not imported: Lightning takes 3 s
)


@dataclass(frozen=True)
class TrainedPolicy:
    """A policy and what it was made for.

    Args:
        policy: the network, in evaluation mode.
        task: environment and spaces.
        hyper_parameters: those of the `ImitationModule`, as plain values.
        path: the checkpoint.
    """

    policy: RecurrentPolicy
    task: Task
    hyper_parameters: dict[str, Any]
    path: Path


def load_policy(path: str | Path) -> TrainedPolicy:
    """Load a policy from a checkpoint or a run folder.

    Raises:
        ArgumentError: there is no checkpoint.
        DataError: the file is damaged, is no checkpoint of ours, or holds code.
    """
    return policy_of(*load_checkpoint(path))


def policy_of(checkpoint: dict[str, Any], file: Path) -> TrainedPolicy:
    """The policy of a checkpoint that was read from a file.

    Raises:
        DataError: it is no checkpoint of ours.
        ArgumentError: it is of a whole population, or names a core, an encoder or a control that
            nobody has registered.
    """
    if "population" in checkpoint:
        raise ArgumentError(
            f"{file} is of a whole population: give the folder of one of its members, "
            f"{file.parent.parent / 'members'}/NAME"
        )
    try:
        hyper_parameters, task = checkpoint["hyper_parameters"], Task.from_dict(checkpoint["task"])
        config = read_config(hyper_parameters["policy"])
        policy = build_policy(config, task.observation_space, task.action_space)
        policy.load_state_dict(_of_policy(checkpoint["state_dict"]))
    except UnknownNameError as error:  # a core or an encoder of the user's own, not imported yet
        raise ArgumentError(f"{file}: {error}") from error
    except Exception as error:  # a constructor may raise anything when given foreign values
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{file} is no checkpoint of an ImitationModule ({reason})") from error
    return TrainedPolicy(policy.eval(), task, hyper_parameters, file)


def _of_policy(state: dict[str, Any]) -> dict[str, Any]:
    """The weights of the policy among those of the module that trained it."""
    return {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
