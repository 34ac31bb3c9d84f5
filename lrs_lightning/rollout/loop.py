"""The closed loop, once, for experts and students.

Letters: N slots (rows of the vector environment), n of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.envs import EnvInfo
from lrs_lightning.rollout.checks import no_actions
from lrs_lightning.rollout.decisions import Decided, Decisions
from lrs_lightning.rollout.episode import Episode
from lrs_lightning.rollout.exploration import Exploration
from lrs_lightning.rollout.guarded_env import Errors, GuardedEnv
from lrs_lightning.rollout.jobs import Job
from lrs_lightning.rollout.outcomes import Outcomes
from lrs_lightning.rollout.physics import Physics
from lrs_lightning.rollout.progress import Reporter
from lrs_lightning.rollout.recorder import Recorder
from lrs_lightning.rollout.slots import Rows, Slots
from lrs_lightning.rollout.time_limit import time_limit
from lrs_lightning.shifts import ShiftedWorld

Array = NDArray[Any]


class Loop:
    """See, decide, act, for all slots at once, until every job is done.

    Args:
        info: the task.
        worlds: the conditions.
        slots: what is played where.
        decisions: the policies, and who labels.
        exploration: noise on executed actions.
        recorder: keeps the steps, where episodes shall carry their trajectory.
        reporter: is told how far we are.
        timeout: seconds that a call of the environments may take; see `rollout`.
    """

    def __init__(
        self,
        info: EnvInfo,
        worlds: Sequence[ShiftedWorld],
        slots: Slots,
        decisions: Decisions,
        exploration: Exploration | None,
        recorder: Recorder | None,
        reporter: Reporter,
        timeout: float | None = None,
    ) -> None:
        self._info, self._worlds, self._slots, self._decisions = info, worlds, slots, decisions
        self._physics = Physics(worlds)
        self._exploration, self._recorder, self._reporter = exploration, recorder, reporter
        self._outcomes = Outcomes(slots.count, info.fallen)
        self._limit, self._on_main_thread = time_limit(timeout), timeout is not None

    def run(self, threads: int | None, env_kwargs: dict[str, Any]) -> Iterator[Episode]:
        """Yield every episode as soon as it ends."""
        slots = self._slots
        models = [self._info.base_model] * slots.count if self._physics.edited else None
        threads = 1 if self._on_main_thread else threads
        made = envs.make(self._info.env_id, slots.count, models, threads, **env_kwargs)
        env = GuardedEnv(made, slots, self._limit)
        try:
            observations, broken = self._refill(env)
            yield from broken
            while slots.running.any():
                observations, ended = self._tick(env, observations)
                yield from ended
                if len(slots.free):
                    observations, broken = self._refill(env)
                    yield from broken
                self._reporter.report(slots.times[slots.running])
        finally:
            env.close()

    def _refill(self, env: GuardedEnv) -> tuple[Array, list[Episode]]:
        """Start the next episodes in free slots; those that cannot even start have failed."""
        slots, broken = self._slots, []
        while True:
            taken = slots.take(slots.free)
            models = None
            if self._physics.edited:
                models = self._physics.at_start({i: job.condition for i, job in taken})
            observations, errors = env.reset({i: job.seed for i, job in taken}, models)
            self._begin(taken)
            broken += [self._end(i, error, False) for i, error in errors.items()]
            slots.regroup()
            if not errors:
                return observations, broken

    def _begin(self, taken: list[tuple[int, Job]]) -> None:
        """Start episodes in these slots: exploration, recorder and shifts forget the old ones."""
        rows = np.array([i for i, _ in taken], np.int64)
        self._outcomes.begin(rows)
        jobs = [job for _, job in taken]
        if self._exploration is not None:
            self._exploration.begin(rows, [j.seed for j in jobs], [j.episode for j in jobs])
        if self._recorder is not None:
            self._recorder.begin(rows)
        conditions = np.array([job.condition for job in jobs])
        for condition in np.unique(conditions).tolist():
            of = [j for j in jobs if j.condition == condition]
            self._worlds[condition].begin(
                rows[conditions == condition], [j.seed for j in of], [j.episode for j in of]
            )

    def _tick(self, env: GuardedEnv, observations: Array) -> tuple[Array, list[Episode]]:
        """One step of everything: see, decide, act, and end what has ended."""
        slots = self._slots
        seen = self._see(observations)
        decided = self._decisions.decide(seen, slots, clean=observations)
        executed, undecided = self._execute(decided.wanted), self._no_actions(decided)
        changes = self._physics.changes(slots.rows_of, slots.times)
        if changes:
            env.set_models(changes)
        observations, rewards, over, terminated, broken, infos = env.step(executed)
        errors = {**broken, **undecided, **decided.failures}
        if self._recorder is not None:
            earned = np.asarray(rewards, np.float64)
            self._recorder.append(seen, executed, decided, earned, slots.running)
        self._outcomes.follow(executed, rewards, observations, slots.times, infos)
        self._reporter.steps += int(slots.running.sum())
        good = slots.running.copy()
        good[list(errors)] = False
        slots.advance(rewards, good)
        over[list(errors)] = True
        rows = np.flatnonzero(over & slots.running).tolist()
        ended = [self._end(i, errors.get(i), bool(terminated[i]), observations[i]) for i in rows]
        if ended:
            slots.regroup()
            if self._recorder is not None:
                self._recorder.forget(slots.running)
        return observations, ended

    def _see(self, observations: Array) -> Array:
        """What the policies see `(N, ...)`: the observations, shifted by each slot's condition."""
        seen, times = observations, self._slots.times
        for condition, rows in self._slots.rows_of.items():
            world = self._worlds[condition]
            if world.observes:
                seen = observations.copy() if seen is observations else seen
                seen[rows] = world.observe(observations[rows], rows, times[rows])
        return seen

    def _execute(self, wanted: Array) -> Array:
        """What is done `(N, ...)`: within bounds, with exploration, shifted by each condition."""
        slots, executed, space = self._slots, wanted, cast(Any, self._info.action_space)
        if executed.dtype.kind == "f":
            executed = np.clip(np.nan_to_num(executed), space.low, space.high)
        elif isinstance(space, Discrete):
            executed = np.clip(executed, space.start, space.start + space.n - 1)
        if self._exploration is not None:
            every: Rows = np.arange(slots.count)
            executed = self._exploration.act(executed, every, slots.times)
        for condition, rows in slots.rows_of.items():
            world = self._worlds[condition]
            if world.acts:
                executed = executed.copy() if executed is wanted else executed
                executed[rows] = world.act(executed[rows], rows, slots.times[rows])
        return executed

    def _no_actions(self, decided: Decided) -> Errors:
        """An action or a label that is not finite, or none of the task's, ends its episode."""
        slots, space = self._slots, self._info.action_space
        errors = no_actions("policy", decided.wanted, slots, space)
        if decided.labels is not decided.wanted:
            errors |= no_actions("labeller", decided.labels, slots, space)
        return errors

    def _end(
        self, i: int, error: str | None, terminated: bool, final: Array | None = None
    ) -> Episode:
        job, length = self._slots.playing[i], int(self._slots.times[i])
        if job is None:
            raise AssertionError(f"slot {i} ended without an episode")
        self._slots.running[i] = False
        self._reporter.done += 1
        condition = self._worlds[job.condition].condition
        return Episode(
            policy=job.policy,
            env=self._info.env_id,
            shift=condition.shift,
            severity=condition.severity,
            episode=job.episode,
            seed=job.seed,
            return_=float(self._slots.returns[i]),
            length=length,
            status="ok" if error is None else "failed",
            error=error,
            terminated=terminated and error is None,
            **self._outcomes.of(i, length, terminated),
            trajectory=self._recorder.trajectory(i, length, final) if self._recorder else None,
        )
