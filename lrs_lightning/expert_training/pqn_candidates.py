"""The networks of a training's last checkpoints, one of which becomes the expert."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrs_lightning import checkpoints
from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.errors import DataError
from lrs_lightning.expert_training.pqn_config import FREE, PQNConfig
from lrs_lightning.expert_training.selection import KEPT
from lrs_lightning.experts import QNetwork, build_q_network
from lrs_lightning.files import make_folder

FOLDER = "candidates"


def keep_candidate(state: Mapping[str, Any], folder: Path) -> None:
    """Keep the network of a checkpoint, and no more than the last `KEPT` of them.

    Args:
        state: of the training; see `PQN.state_dict`.
        folder: of the training.

    Raises:
        DataError: it cannot be written.
    """
    own = make_folder(folder / FOLDER)
    kept = {key: state[key] for key in ("network", "config", "decisions")}
    write_checkpoint(kept, own / f"{state['decisions']}.ckpt")
    for decisions, path in sorted(_files(folder).items())[:-KEPT]:
        if decisions < state["decisions"]:
            path.unlink(missing_ok=True)


def candidates(last: Mapping[str, Any], folder: Path) -> dict[int, QNetwork]:
    """The networks that may become the expert, by their decisions; `last` is always one of them.

    A file that is damaged, or of another recipe, is left out, which is said.

    Args:
        last: the state of the last checkpoint.
        folder: of the training.
    """
    found = {}
    for decisions, path in sorted(_files(folder).items()):
        if decisions < last["decisions"]:
            try:
                found[decisions] = _network(path, decisions, last)
            except DataError as error:
                print(f"note: {error}; it is left out of the choice", file=sys.stderr)
    found[last["decisions"]] = network_of(last)
    return dict(sorted(found.items())[-KEPT:])


def network_of(state: Mapping[str, Any]) -> QNetwork:
    """The network of a checkpoint.

    Raises:
        DataError: its tensors are those of another network.
    """
    try:
        encoder = str(state["config"].get("encoder", PQNConfig.encoder))
        network = build_q_network(encoder, len(state["network"]["head.bias"]))
        network.load_state_dict(state["network"])
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"the checkpoint does not fit its network ({reason})") from error
    return network


def _network(path: Path, decisions: int, last: Mapping[str, Any]) -> QNetwork:
    state = checkpoints.read_checkpoint(path)
    if state.get("decisions") != decisions or _recipe(state) != _recipe(last):
        raise DataError(f"{path} is of another training")
    try:
        return network_of(state)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _recipe(state: Mapping[str, Any]) -> dict[str, Any]:
    config = state.get("config")
    return {k: v for k, v in config.items() if k not in FREE} if isinstance(config, dict) else {}


def _files(folder: Path) -> dict[int, Path]:
    """Decisions -> file."""
    paths = (folder / FOLDER).glob("*.ckpt")
    return {int(path.stem): path for path in paths if path.stem.isdecimal()}
