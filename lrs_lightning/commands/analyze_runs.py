"""What `analyze` does with run folders: load, play, measure, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning import envs
from lrs_lightning.analysis.board import write_board
from lrs_lightning.analysis.counterfactual import CleanGatePolicy, with_clean_gates
from lrs_lightning.analysis.dynamics import DynamicsOptions
from lrs_lightning.analysis.figures.counterfactuals import counterfactuals
from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.folder import write_folder
from lrs_lightning.analysis.run import PIXELS, Analysis, analyse, default_folder
from lrs_lightning.analysis.scene import Pair
from lrs_lightning.analysis.subject import Subject, recurrent_layer
from lrs_lightning.analysis.trajectories import (
    Trajectories,
    common,
    play,
    reread,
    shifts_sensors_alone,
)
from lrs_lightning.analysis.weights import recurrent_matrices
from lrs_lightning.commands.analyze_compare import Looked
from lrs_lightning.commands.analyze_paths import distinct
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.evaluation import evaluate
from lrs_lightning.evaluation.policies import demonstrator
from lrs_lightning.evaluation.units import measured_context
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.shifts import CLEAN, Condition, ShiftContext
from lrs_lightning.training.candidate import load_candidate
from lrs_lightning.training.checkpoint_files import INITIAL, load_checkpoint
from lrs_lightning.training.loading import TrainedPolicy, load_policy, policy_of
from lrs_lightning.training.playable import as_played, context_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Request:
    """What is to be looked at; the arguments are the options of `analyze`."""

    shift: Sequence[str] | None
    trajectory: str
    episodes: int
    steps: int
    expert: str
    seed: int
    threads: int | None
    dynamics: DynamicsOptions = field(default_factory=DynamicsOptions)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of trajectories."""
        return ("own", "common") if self.trajectory == "both" else (self.trajectory,)

    @property
    def seeds(self) -> list[int]:
        """One for each episode."""
        return list(range(self.seed, self.seed + self.episodes))


class Task:
    """The task of all runs, and the trajectories that they share.

    Args:
        env_id: the task.
        context: of the first run, the unit of sensor noise.
        request: what is to be looked at.

    Raises:
        LrsError: a shift that the task does not allow, an expert that cannot be loaded.
    """

    def __init__(self, env_id: str, context: ShiftContext | None, request: Request) -> None:
        self.env_id, self.context, self.request = env_id, context, request
        info = envs.describe(env_id)
        self.pixels = len(info.observation_space.shape or ()) > 1
        shifts = request.shift or ["gaussian_noise@2" if self.pixels else "sensor_noise@2"]
        self.shifts = [str(Condition.parse(shift)) for shift in shifts]
        self.of_sensors = {s for s in self.shifts if shifts_sensors_alone(env_id, s, context)}
        self._common: list[Trajectories] | None = None

    @property
    def scale(self) -> Array:
        """Deviation of each channel of an observation; 255 of a pixel."""
        if self.pixels or self.context is None or self.context.observation_std is None:
            return PIXELS if self.pixels else np.array(1.0)
        std = np.asarray(self.context.observation_std, np.float64)
        return np.where(std > 1e-8, std, 1.0)

    def common(self) -> list[Trajectories]:
        """The expert's play, clean and under every shift; played once."""
        if self._common is None:
            asked = self.request
            expert = demonstrator(asked.expert, self.env_id, load_candidate)
            rest = self.context, asked.steps, asked.threads
            clean = play(expert, self.env_id, "common", CLEAN, asked.seeds, *rest)
            self._common = [clean] + [
                common(expert, self.env_id, shift, clean, *rest) for shift in self.shifts
            ]
        return self._common

    def pairs(self, played: Sequence[Trajectories]) -> dict[int, Pair]:
        """For shifts of the sensors: the clean play, and the same states seen by shifted ones."""
        clean = played[0]
        return {
            i: (clean, reread(clean, self.env_id, seen.condition, self.context))
            for i, seen in enumerate(played)
            if seen.condition in self.of_sensors
        }

    def own(self, policy: TorchPolicy) -> list[Trajectories]:
        """A policy's own play, clean and under every shift."""
        asked = self.request
        rest = asked.seeds, self.context, asked.steps, asked.threads
        return [play(policy, self.env_id, "own", c, *rest) for c in (CLEAN, *self.shifts)]


def run_all(runs: Sequence[str], request: Request, counterfactual: bool = False) -> list[Looked]:
    """Check that all runs can be analysed, then analyse one after the other.

    Each run's folder is written before the next one is loaded, so that memory does not grow with
    the steps that are looked at.

    Args:
        runs: run folders or checkpoints.
        request: what is to be looked at.
        counterfactual: also play with one gate at a time reading clean sensors.

    Raises:
        EnvironmentMismatchError: runs of different tasks.
        LrsError: a run that cannot be loaded or has no memory, before anything is played.
    """
    first: TrainedPolicy | None = None
    tasks: dict[str, None] = {}
    for run in runs:
        loaded = policy_of(*load_checkpoint(run))
        Subject.of_policy(loaded.policy)
        tasks[loaded.task.env] = None
        first = first or loaded
    if first is None:
        raise ArgumentError("analyze: give at least one run folder, or `theory`")
    if len(tasks) > 1:
        raise EnvironmentMismatchError(
            f"runs of different tasks cannot be compared: {', '.join(tasks)}; give runs of one task"
        )
    task = Task(first.task.env, unit_of_noise(first), request)
    names = distinct([Path(run) for run in runs])
    return [_look(run, name, task, counterfactual) for run, name in zip(runs, names, strict=True)]


def _look(run: str, name: str, task: Task, counterfactual: bool) -> Looked:
    """Analyse one run and write its folder."""
    held, file = load_checkpoint(run)
    trained, step = policy_of(held, file), int(held.get("global_step", 0))
    one = _analyse(name, run, trained, task)
    folder = default_folder(run)
    pictures, rows = one.pictures(), list(one.rows())
    if counterfactual:
        pictures.append(play_counterfactuals(name, trained, task, folder))
    about = {"env": task.env_id, "seeds": task.request.seeds, "checkpoint": trained.path.name}
    write_folder(folder, pictures, rows, about)
    write_board(folder, pictures, rows, step)
    print(f"{name}:")
    for picture in pictures:
        print(f"  {picture.name}: {picture.caption}")
    print(f"  figures and table: {folder}")
    clean = {label: scene for label, scene in one.scenes.items() if scene.condition == CLEAN}
    return Looked(run, name, clean, one.radius, one.proxies(), rows)


def _analyse(name: str, run: str, trained: TrainedPolicy, task: Task) -> Analysis:
    policy = as_played(trained.policy, trained.task)
    if policy.timespan is not None:
        print(
            f"{name}: a step lasts {policy.timespan:g} of the time unit of its demonstrations, "
            f"{trained.task.time_unit:g} s"
        )
    trajectories: list[Trajectories] = []
    pairs: dict[int, Pair] = {}
    for kind in task.request.kinds:
        played = task.common() if kind == "common" else task.own(policy)
        pairs |= {len(trajectories) + i: pair for i, pair in task.pairs(played).items()}
        trajectories += played
    config = trained.policy.config
    return analyse(
        name,
        Subject.of_policy(trained.policy, policy.timespan),
        trajectories,
        task.scale,
        initial_matrices(run, trained),
        task.request.dynamics,
        pairs,
        {} if config is None else config.describe(),
    )


def play_counterfactuals(name: str, trained: TrainedPolicy, task: Task, folder: Path) -> Picture:
    """Play the policy, and with each gate reading clean sensors, on the same seeds.

    Raises:
        ArgumentError: no shift among those asked for changes what is seen.
    """
    space = trained.task.action_space
    conditions = [CLEAN, *(shift for shift in task.shifts if shift in task.of_sensors)]
    if len(conditions) == 1:
        raise ArgumentError(
            f"--counterfactual with {', '.join(task.shifts)}, which change nothing that is seen: "
            "give --shift one of the sensors, e.g. sensor_noise@2"
        )
    timespan = as_played(trained.policy, trained.task).timespan
    clean_gates = with_clean_gates(name, trained.policy, space, timespan=timespan)
    # The policy itself is played in the same arithmetic: rounding alone changes chaotic play.
    itself = CleanGatePolicy(trained.policy, [], space, timespan)
    summary = evaluate(
        {name: itself, **clean_gates},
        task.env_id,
        conditions,
        task.request.episodes,
        task.request.seed,
        references={},
        out=folder / "counterfactual",
        context=task.context,
        threads=task.request.threads,
    )
    gates = [one.gates[0] for one in clean_gates.values()]
    return counterfactuals(summary, gates)


def initial_matrices(run: str | Path, trained: TrainedPolicy) -> list[Tensor] | None:
    """Recurrent matrices before training; None, and a sentence, where a run has not kept them."""
    file = trained.path.parent / INITIAL
    if not file.is_file():
        print(
            f"note: {run} has no checkpoints/{INITIAL}, so that ΔW is not known: "
            "`python -m lrs_lightning fit` keeps it in runs trained from now on"
        )
        return None
    initial = recurrent_matrices(recurrent_layer(load_policy(file).policy))
    own = recurrent_matrices(recurrent_layer(trained.policy))
    if [w.shape for w in initial] != [w.shape for w in own]:
        raise DataError(
            f"{file} is of another layer than {trained.path}: it belongs to no such run"
        )
    return initial


def unit_of_noise(trained: TrainedPolicy) -> ShiftContext | None:
    """Mean and deviation of each channel: what the policy's encoder knows of its training data.

    An encoder that knows none leaves them to be measured on clean play; pixels need none.
    """
    context = context_of(trained.policy)
    if context is not None or trained.task.observation_dtype == "uint8":
        return context
    policy = as_played(trained.policy, trained.task)
    return measured_context(trained.task.env, {"policy": policy})
