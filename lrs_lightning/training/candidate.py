"""What `fit` trained as a candidate of an evaluation: policy, name, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lrs_lightning.evaluation.policies import Candidate
from lrs_lightning.nn import count_parameters
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.shifts import ShiftContext
from lrs_lightning.training.loading import load_policy


def load_candidate(path: Path) -> Candidate:
    """The policy of a checkpoint or a run folder; nothing that the file brings along is run.

    Raises:
        ArgumentError: there is no checkpoint.
        DataError: the file is damaged, is no checkpoint of ours, or holds code.
    """
    trained = load_policy(path)
    policy, encoder = trained.policy, trained.policy.encoder
    about = {} if policy.config is None else asdict(policy.config)
    mean, std = getattr(encoder, "mean", None), getattr(encoder, "std", None)
    context = None
    if mean is not None and std is not None:
        context = ShiftContext(observation_mean=mean.numpy(), observation_std=std.numpy())
    return Candidate(
        run_name(path),
        TorchPolicy(policy, trained.task.action_space),
        {**about, "parameters": count_parameters(policy).total, "source": str(path)},
        trained.task.env,
        context,
    )


def run_name(path: Path) -> str:
    """`runs/a` and `runs/a/checkpoints/last.ckpt` are `a`; other checkpoints add their own name."""
    path = path.resolve()
    if path.is_dir() or path.parent.name != "checkpoints":
        return path.name if path.is_dir() else path.stem
    run = path.parent.parent.name
    return run if path.stem == "last" else f"{run}-{path.stem}"
