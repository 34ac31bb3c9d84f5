"""What `fit` trained as a candidate of an evaluation: policy, name, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lrs_lightning.errors import DataError
from lrs_lightning.evaluation.policies import Candidate
from lrs_lightning.nn.counting import told_of_parameters
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.statistics.training_seeds import FACTS, seeds_of, with_own_seeds
from lrs_lightning.training.loading import load_policy
from lrs_lightning.training.playable import as_played, context_of


def load_candidate(path: Path) -> Candidate:
    """The policy of a checkpoint or a run folder; nothing that the file brings along is run.

    Raises:
        ArgumentError: there is no checkpoint.
        DataError: the file is damaged, is no checkpoint of ours, or holds code.
    """
    trained = load_policy(path)
    policy = trained.policy
    run = trained.path.parent.parent
    about = {} if policy.config is None else policy.config.describe()
    about |= {**told_of_parameters(policy), "source": str(path)}
    return Candidate(
        run_name(path),
        as_played(policy, trained.task),
        with_own_seeds(told_by_summary(run), about),
        trained.task.env,
        context_of(policy),
        run,
    )


def told_by_summary(run: Path) -> dict[str, Any]:
    """Seeds and configuration of a training, as `fit` wrote them beside its results.

    A run folder may be somebody else's: its `config.yaml`, which can name classes, stays closed.
    """
    try:
        policies = [one.policy for one in Summary.read(run).all]
    except DataError:
        return {}
    trained = [policy for policy in policies if seeds_of(policy)]
    alike = {str(seeds_of(policy)) for policy in trained}
    return {key: trained[0][key] for key in FACTS if key in trained[0]} if len(alike) == 1 else {}


def run_name(path: Path) -> str:
    """`runs/a` and `runs/a/checkpoints/last.ckpt` are `a`; other checkpoints add their own name."""
    path = path.resolve()
    if path.is_dir() or path.parent.name != "checkpoints":
        return path.name if path.is_dir() else path.stem
    run = path.parent.parent.name
    return run if path.stem == "last" else f"{run}-{path.stem}"
