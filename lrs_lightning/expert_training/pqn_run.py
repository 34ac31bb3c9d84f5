"""A training of an Atari expert as a folder: checkpoint, learning curve, TensorBoard; resumable."""

from __future__ import annotations

import csv
import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from lrs_lightning import checkpoints
from lrs_lightning.checkpoints import check_finite, write_checkpoint
from lrs_lightning.documents import as_shape
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training.pqn import PQN
from lrs_lightning.expert_training.pqn_candidates import keep_candidate
from lrs_lightning.expert_training.pqn_config import FREE, PQNConfig
from lrs_lightning.files import append_whole, cannot_write, make_folder, naming, write_whole
from lrs_lightning.foreign_id import check_foreign_id
from lrs_lightning.stopping import Interrupted

CHECKPOINT = "last.ckpt"
CURVE = "curve.csv"
PREVIOUS = "previous.ckpt"
_COLUMNS = ["decisions", "frames", "seconds", "episodes_return", "loss", "value_mean", "epsilon"]

Report = Callable[[dict[str, Any]], None]


def train_expert(
    config: PQNConfig,
    folder: Path,
    device: str = "cpu",
    report: Report | None = None,
    log_rollouts: int = 10,
    deadline_s: float | None = None,
) -> PQN:
    """Train until `config.decisions`, going on from the folder's checkpoint where there is one.

    Args:
        config: the recipe.
        folder: receives `last.ckpt`, `candidates/`, `curve.csv` and TensorBoard events.
        device: of the network.
        report: called with each row of the curve.
        log_rollouts: rollouts between two rows.
        deadline_s: stop after so many seconds, at the next checkpoint boundary's latest state.

    Raises:
        ArgumentError: the folder holds a training with another recipe, or there is no such device.
        DataError: its checkpoint or its curve cannot be read, or the folder cannot be written.
    """
    _check_device(device)
    make_folder(folder)
    with naming(folder):
        return _train(PQN(config, device), folder, report, log_rollouts, deadline_s)


def _check_device(device: str) -> None:
    """Whether tensors can be put there.

    Raises:
        ArgumentError: they cannot.
    """
    try:
        torch.zeros(1, device=device)
    except Exception as error:  # whatever a backend says: absent, unknown, out of memory
        reason = str(error).partition("\n")[0]
        raise ArgumentError(
            f"device {device!r} cannot be used: give cpu or cuda ({reason[:200]})"
        ) from error


def _train(
    training: PQN,
    folder: Path,
    report: Report | None,
    log_rollouts: int,
    deadline_s: float | None,
) -> PQN:
    config, spent = training.config, _resume(training, folder)
    curve = _Curve(folder, training.decisions, spent, report)
    saved = training.decisions
    try:
        while training.decisions < config.decisions:
            metrics = training.iterate()
            rollouts = training.decisions // config.samples
            if rollouts % log_rollouts == 0:
                curve.row(training, metrics)
            if rollouts % config.checkpoint_rollouts == 0:
                save_checkpoint(training, folder / CHECKPOINT, curve.seconds)
                saved = training.decisions
                training.restart_games()
                if deadline_s is not None and curve.seconds - spent > deadline_s:
                    break
        if saved < training.decisions:
            save_checkpoint(training, folder / CHECKPOINT, curve.seconds)
    except Interrupted as stop:
        # The emulators cannot be saved: what was played since then is played again, exactly.
        stop.add_note(f"{saved:,} decisions are saved, the same command goes on")
        raise
    finally:
        curve.close()
        training.games.close()
    return training


def _resume(training: PQN, folder: Path) -> float:
    """Load the folder's checkpoint; the seconds spent so far."""
    path = folder / CHECKPOINT
    if not path.exists() and not path.with_name(PREVIOUS).exists():
        return 0.0
    state = _read_good(path)
    asked = asdict(training.config)
    changed = [
        f"{name} (was {state['config'].get(name)}, is {asked[name]})"
        for name in sorted(asked.keys() - FREE)
        if state["config"].get(name) != asked[name]
    ]
    if changed:
        raise ArgumentError(
            f"{path} was trained with another recipe: {', '.join(changed)}; "
            "give the same values, or another folder"
        )
    training.load_state_dict(state)
    return float(state["seconds"])


def save_checkpoint(training: PQN, path: Path, seconds: float) -> None:
    """Write the state, whole or not at all; the one before it, and the last networks, are kept.

    Raises:
        NotFiniteError: a weight is NaN or infinite.
    """
    state = {**training.state_dict(), "seconds": seconds}
    check_finite(state["network"], str(path))
    keep_candidate(state, path.parent)  # first: a training that goes on from `path` never misses it
    write_checkpoint(state, path, path.with_name(PREVIOUS))


def _read_good(path: Path) -> dict[str, Any]:
    """The checkpoint, or the one before it where it is damaged, which is said."""
    previous = path.with_name(PREVIOUS)
    try:
        return read_checkpoint(path)
    except DataError as error:
        if not previous.is_file():
            raise
        state = read_checkpoint(previous)
        at = f"{previous} of {state['decisions']:,} decisions"
        print(f"note: {error}; {at} takes its place", file=sys.stderr)
        return state


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The saved state; nothing that the file brings along is executed.

    Raises:
        DataError: it is damaged, holds code, or is of something else.
    """
    try:
        state = checkpoints.read_checkpoint(path)
    except DataError as error:
        raise DataError(f"{path} is not a checkpoint of an expert's training: {error}") from error
    expected = {"config", "network", "optimizer", "generator", "decisions", "finished", "seconds"}
    if not expected <= state.keys():
        raise DataError(
            f"{path} is not a checkpoint of an expert's training: it lacks "
            f"{', '.join(sorted(expected - set(state)))}"
        )
    config = as_shape(state["config"], dict[str, Any], f"{path}: its config", "train anew")
    check_foreign_id(str(config.get("env_id")), str(path))
    return state


def config_of(state: dict[str, Any]) -> PQNConfig:
    """The recipe inside a checkpoint."""
    names = {field.name for field in fields(PQNConfig)}
    return PQNConfig(**{k: v for k, v in state["config"].items() if k in names})


class _Curve:
    """The learning curve: a CSV file, TensorBoard, and a callback."""

    def __init__(self, folder: Path, decisions: int, spent: float, report: Report | None) -> None:
        self._path, self._report = folder / CURVE, report
        self._start = time.perf_counter() - spent
        kept = _rows_until(self._path, decisions)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(kept)
        write_whole(self._path, text.getvalue())
        self._board = SummaryWriter(str(folder), purge_step=decisions)

    @property
    def seconds(self) -> float:
        """Spent on this training, those before a resumption included."""
        return time.perf_counter() - self._start

    def row(self, training: PQN, metrics: dict[str, float]) -> None:
        scores = training.finished
        mean = sum(scores) / len(scores) if scores else float("nan")
        row = {
            "decisions": training.decisions,
            "frames": 4 * training.decisions,
            "seconds": round(self.seconds, 1),
            "episodes_return": round(mean, 2),
            **{name: round(metrics[name], 5) for name in ("loss", "value_mean", "epsilon")},
        }
        self._add(row)
        for name, value in {**metrics, "episodes_return": mean}.items():
            self._board.add_scalar(f"expert/{name}", value, training.decisions)
        if self._report is not None:
            self._report({**row, **metrics})

    def _add(self, row: dict[str, Any]) -> None:
        text = io.StringIO(newline="")
        csv.DictWriter(text, _COLUMNS).writerow(row)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                append_whole(handle, text.getvalue().encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def close(self) -> None:
        self._board.close()


def _rows_until(path: Path, decisions: int) -> list[dict[str, str]]:
    """Rows of an earlier curve that the checkpoint still stands for.

    Raises:
        DataError: a row is none.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if int(row["decisions"]) <= decisions]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise DataError(f"{path} is damaged ({error}): delete it, the training goes on") from error
