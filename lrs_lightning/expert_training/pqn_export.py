"""From the last checkpoints of an expert's training to weights and a card."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lrs_lightning.envs import canonical_id, describe
from lrs_lightning.expert_training.card import measured, write_card
from lrs_lightning.expert_training.pqn_candidates import candidates
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, CURVE, config_of, read_checkpoint
from lrs_lightning.expert_training.selection import best_of
from lrs_lightning.experts import PixelExpert, load_expert, save_pixel_expert

_POINTS = 25


def export_expert(folder: Path, path: Path, episodes: int = 30) -> dict[str, Any]:
    """Write `path` (safetensors) and the card beside it, with what the expert earns.

    Of the last checkpoints the best is taken, see `best_of`. Nothing is written before it is known.

    Args:
        folder: of the training: `last.ckpt`, `candidates/` and `curve.csv`.
        path: the safetensors file to write.
        episodes: whole games that it is scored on.

    Returns:
        The card.
    """
    state = read_checkpoint(folder / CHECKPOINT)
    config, env_id = config_of(state), canonical_id(state["config"]["env_id"])
    networks = candidates(state, folder)
    space: Any = describe(env_id).action_space
    players = {age: PixelExpert(one, space, env_id=env_id) for age, one in networks.items()}
    decisions, selection = best_of(players, env_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"env": env_id, "algorithm": "PQN", "encoder": config.encoder, "normalize": "true"}
    path.with_suffix(".json").unlink(missing_ok=True)  # of the weights before, if any
    save_pixel_expert(networks[decisions], path, header)
    card = {
        **header,
        "network": "4 frames of 84 x 84 -> convolutions -> one value for each action, the largest "
        "of which is taken",
        "recipe": f"python -m lrs_lightning expert fit --env {env_id}",
        "decisions": decisions,
        "frames": 4 * decisions,
        "seconds": round(state["seconds"]),
        "config": state["config"],
        "learning_curve": _curve(folder / CURVE, state["decisions"]),
        **selection,
        **measured(load_expert(path, env_id), env_id, episodes),
    }
    write_card(path, card)
    return card


def _curve(path: Path, until: int) -> list[list[float]]:
    """Decisions and the mean return of the last hundred training episodes, thinned out."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["decisions"]) <= until]
    step = max(1, len(rows) // _POINTS)
    chosen = rows[step - 1 :: step]
    if rows and chosen[-1] is not rows[-1]:
        chosen.append(rows[-1])
    return [[int(row["decisions"]), float(row["episodes_return"])] for row in chosen]
