"""Which of the last states of a training becomes the expert: the one that earns most.

A network that learns goes up and down from one update to the next, and where a training ends is
chance. Its last checkpoints therefore play, as policies are judged, on seeds that are neither those
of the score nor of any evaluation: a card says what the chosen one earns on games that did not
choose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrs_lightning.expert_training.card import score
from lrs_lightning.rollout import Policy

KEPT = 5
"""How many of the last checkpoints may become the expert."""
FIRST_SEED = 30_000
EPISODES = 10


def best_of(candidates: Mapping[int, Policy], env_id: str) -> tuple[int, dict[str, Any]]:
    """The candidate of the largest mean return; of equal ones the latest.

    Args:
        candidates: how long each was trained -> who plays; at least one.
        env_id: the task.

    Returns:
        How long the best was trained, and what a card says of the choice: the mean return of each,
        how many of its games differ, the seeds and settings. A single one needs no games, and
        nothing is said.

    Raises:
        LrsError: a candidate could play no game.
    """
    if len(candidates) == 1:
        return next(iter(candidates)), {}
    scores = {
        age: score(candidates[age], env_id, EPISODES, FIRST_SEED) for age in sorted(candidates)
    }
    best = max(scores, key=lambda age: (scores[age]["return_mean"], age))
    told = ("return_mean", "episodes", "outcomes")
    return best, {
        "selection": {
            "seeds": [FIRST_SEED, FIRST_SEED + EPISODES - 1],
            "settings": scores[best]["settings"],
            "candidates": [
                {"trained_for": age, **{key: found[key] for key in told}}
                for age, found in scores.items()
            ],
        }
    }
