"""Does an exported policy do what the policy does? Both are run side by side for a thousand steps.

The policy acts in its own task where this machine has it, else observations are drawn; the exported
one sees the same and remembers by itself, so that what it does wrong adds up. Episodes begin anew
where they end, and now and then in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.data import Task
from lrs_lightning.deployment.interface import Interface
from lrs_lightning.deployment.runner import Array, Runner, Stepped
from lrs_lightning.errors import ANY_FAILURE, DataError, NotFiniteError
from lrs_lightning.nn import RecurrentPolicy

STEPS = 1000
ROWS = {True: 2, False: 3}
"""Episodes side by side: of pictures, of vectors."""
_EPISODE = 100
"""Mean number of steps after which an episode is begun anew."""


@dataclass(frozen=True)
class Agreement:
    """How far an exported policy was from the policy.

    Args:
        difference: the largest of any output, relative to the output where that is above 1.
        step: where it was.
        steps: how many there were, of each row.
        rows: episodes side by side.
        resets: episodes that began.
        world: where observations came from.
    """

    difference: float
    step: int
    steps: int
    rows: int
    resets: int
    world: str


@torch.inference_mode()
def agreement(
    policy: RecurrentPolicy,
    run: Runner,
    interface: Interface,
    steps: int | None = None,
    seed: int = 0,
) -> Agreement:
    """Run a policy and what was exported of it side by side.

    Args:
        policy: in evaluation mode.
        run: the file, opened.
        interface: what it is called with.
        steps: how many; `STEPS` by default.
        seed: of drawn observations, of resets and of elapsed times.

    Raises:
        DataError: the file gives another shape, or another choice than its own logits say.
        NotFiniteError: the policy itself puts out what is not finite.
    """
    steps = STEPS if steps is None else steps
    rows, draw = ROWS[interface.task.pixels], np.random.default_rng(seed)
    world = _world(interface, rows, draw)
    theirs = tuple(
        np.zeros((layers, rows, size), np.float32) for layers, size in interface.states.values()
    )
    mine = policy.initial_state(rows)
    begins, worst, at, resets = np.ones(rows, bool), 0.0, 0, 0
    for step in range(steps):
        resets += int(begins.sum())
        observation = world.begin(begins)
        options = {"dt": draw.uniform(0.5, 2, rows).astype(np.float32)} if interface.dt else {}
        dt = torch.from_numpy(options["dt"]) if interface.dt else None
        outputs, mine = policy.step(
            torch.from_numpy(observation), mine, torch.from_numpy(begins.copy()), dt
        )
        wanted, action = outputs.numpy(), policy.decide(outputs).numpy()
        if not np.isfinite(wanted).all():
            raise NotFiniteError(f"the policy's own output of step {step} is not finite")
        if interface.reset:
            options["reset"] = begins.copy()
        else:
            for part in theirs:  # (layers, rows, size)
                part[:, begins] = 0
        found, theirs, told = _run(run, observation, theirs, options, step)
        difference = _difference(wanted, told)
        _check_choice(found, told, interface.task)
        if difference > worst:
            worst, at = difference, step
        begins = world.act(action) | (draw.random(rows) < 1 / _EPISODE)
    world.close()
    return Agreement(worst, at, steps, rows, resets, world.name)


def _run(
    run: Runner, observation: Array, state: tuple[Array, ...], options: dict[str, Array], step: int
) -> Stepped:
    try:
        return run(observation, state, **options)
    except ANY_FAILURE as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"step {step} failed: {type(error).__name__}: {reason}") from error


def _difference(wanted: Array, found: Array) -> float:
    """The largest, of outputs `(N, A)`."""
    if wanted.shape != found.shape:
        raise DataError(f"outputs have shape {found.shape}, expected {wanted.shape}")
    if not np.isfinite(found).all():
        return np.inf
    return float((np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max())


def _check_choice(action: Array, outputs: Array, task: Task) -> None:
    if task.actions is not None and not np.array_equal(
        action, outputs.argmax(-1) + task.action_start
    ):
        raise DataError("the action is not the likeliest of the logits")


class _Drawn:
    """Observations of nowhere: normal with the deviations of the training data, or noise."""

    name = "drawn observations"

    def __init__(self, interface: Interface, rows: int, draw: np.random.Generator) -> None:
        self._shape = (rows, *interface.task.observation_shape)
        self._draw, self._bytes = draw, interface.task.observation_dtype == "uint8"
        self._mean = 0.0 if interface.mean is None else interface.mean
        self._std = 1.0 if interface.std is None else interface.std

    def begin(self, rows: NDArray[np.bool_]) -> Array:
        """Raw observations of all rows; those that are true begin an episode."""
        if self._bytes:
            return self._draw.integers(0, 256, self._shape, np.uint8)
        drawn = self._draw.standard_normal(self._shape) * self._std + self._mean
        return np.asarray(drawn, np.float32)

    def act(self, action: Array) -> NDArray[np.bool_]:
        """Act; whether an episode has ended."""
        return np.zeros(self._shape[0], bool)

    def close(self) -> None:
        """Nothing is open."""


class _Played(_Drawn):
    """Those of the task itself."""

    def __init__(self, interface: Interface, rows: int, draw: np.random.Generator) -> None:
        super().__init__(interface, rows, draw)
        self.name = interface.task.env
        self._env = envs.make(interface.task.env, rows, threads=1)
        self._seen: Any = None

    def begin(self, rows: NDArray[np.bool_]) -> Array:
        if rows.any():
            seed = int(self._draw.integers(1 << 30))
            self._seen, _ = self._env.reset(seed=seed, options={"reset_mask": rows})
        kind = np.uint8 if self._bytes else np.float32
        return np.ascontiguousarray(self._seen, kind)

    def act(self, action: Array) -> NDArray[np.bool_]:
        self._seen, _, terminated, truncated, _ = self._env.step(action)
        return np.asarray(terminated | truncated)

    def close(self) -> None:
        self._env.close()


def _world(interface: Interface, rows: int, draw: np.random.Generator) -> _Drawn:
    """The task, where this machine has it with the same observations and actions."""
    try:
        info = envs.describe(interface.task.env)
        here = Task.of(interface.task.env, info.observation_space, info.action_space)
        if here == interface.task:
            return _Played(interface, rows, draw)
    except ANY_FAILURE:
        pass  # a simulator that is not installed, or not in this version
    return _Drawn(interface, rows, draw)
