"""A trained policy from a checkpoint or a run folder; nothing that the file brings along is run."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lrs_lightning.data import Task
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.nn import RecurrentPolicy, build_policy, read_config

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


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint at a path: the file itself, or the last one of a run folder.

    Raises:
        ArgumentError: there is none, or the path is an address of the network.
    """
    if "://" in str(path):
        raise ArgumentError(
            f"{path} is not a local path: download the checkpoint, then give its path"
        )
    path = Path(path)
    if path.is_dir():
        last = path / "checkpoints" / "last.ckpt"
        if not last.is_file():
            raise ArgumentError(
                f"{path} has no checkpoints/last.ckpt: give a run folder or a .ckpt file"
            )
        return last
    if not path.is_file():
        raise ArgumentError(f"no checkpoint at {path}: give a run folder or a .ckpt file")
    return path


def load_policy(path: str | Path) -> TrainedPolicy:
    """Load a policy from a checkpoint or a run folder.

    Raises:
        ArgumentError: there is no checkpoint.
        DataError: the file is damaged, is no checkpoint of ours, or holds code.
    """
    file = find_checkpoint(path)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{file} holds more than weights and plain values, and was not run: only load "
            "checkpoints that `fit` wrote"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise DataError(f"{file} is damaged or no checkpoint ({error})") from error
    try:
        hyper_parameters, task = checkpoint["hyper_parameters"], Task.from_dict(checkpoint["task"])
        config = read_config(hyper_parameters["policy"])
        policy = build_policy(config, task.observation_space, task.action_space)
        policy.load_state_dict(_of_policy(checkpoint["state_dict"]))
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(f"{file} is no checkpoint of an ImitationModule ({error})") from error
    return TrainedPolicy(policy.eval(), task, hyper_parameters, file)


def _of_policy(state: dict[str, Any]) -> dict[str, Any]:
    """The weights of the policy among those of the module that trained it."""
    return {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
