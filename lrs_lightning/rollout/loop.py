"""The closed loop, once, for experts and students.

Letters: N slots (rows of the vector environment), n of them at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.envs import EnvInfo
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.rollout.checks import check_actions, check_spaces, first_step
from lrs_lightning.rollout.episode import Episode
from lrs_lightning.rollout.exploration import Exploration
from lrs_lightning.rollout.jobs import Job, Key, plan, share_slots
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.recorder import Recorder
from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld

Array = NDArray[Any]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

# Side by side at most; beyond, memory grows and nothing gets faster.
_VECTOR_SLOTS, _FRAME_SLOTS = 256, 32
_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a rollout is."""

    done: int
    """Episodes that have ended."""
    total: int
    """Episodes to be played in this rollout."""
    steps: int
    """Steps of environments so far."""
    fraction: float
    """Share of the work done, running episodes included as far as their horizon is known."""


def rollout(
    policies: Mapping[str, Policy],
    env_id: str,
    conditions: Sequence[Condition | str],
    seeds: Sequence[int],
    context: ShiftContext | None = None,
    exploration: Sequence[float] | None = None,
    record: bool = False,
    *,
    num_envs: int | None = None,
    threads: int | None = None,
    done: Collection[Key] = (),
    on_progress: Callable[[Progress], None] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Iterator[Episode]:
    """Play every policy under every condition on every seed, side by side.

    Each episode is played exactly once and yielded as soon as it ends. Episode k starts from
    `seeds[k]` under every condition and policy, so that differences are paired. The episodes of
    NumPy policies depend neither on `num_envs` nor on `threads`; for torch see `TorchPolicy`.

    Args:
        policies: name -> policy.
        env_id: the task.
        conditions: what is shifted, e.g. `["clean", "mass@3"]`.
        seeds: one for each episode.
        context: the training data's mean and deviation, for shifts that are measured in them.
        exploration: strength of the noise on executed actions, one for each episode.
        record: whether episodes carry their trajectory.
        num_envs: environments side by side (default: all episodes, at most 256; 32 with pictures).
        threads: worker threads of the environments (default: all cores).
        done: keys (policy, shift, severity, episode) to be left out: played in an earlier run.
        on_progress: called about ten times a second.
        env_kwargs: what `envs.make` is given beside.

    Raises:
        LrsError: an unknown name, a shift the task does not allow, a policy of other spaces: before
            the first step. An environment that breaks later ends its episode as `"failed"`.
    """
    if not policies or not len(seeds) or not conditions:
        raise ArgumentError("rollout: give at least one policy, one condition and one seed")
    parsed = [Condition.parse(condition) for condition in conditions]
    if len(set(parsed)) < len(parsed):
        raise ArgumentError("conditions: one is listed twice")
    env_kwargs = dict(env_kwargs or {})
    info = envs.describe(env_id, **env_kwargs)
    for name, policy in policies.items():
        check_spaces(name, policy, info)
    jobs = plan(list(policies), parsed, seeds, set(done))
    total = sum(map(len, jobs.values()))
    limit = _FRAME_SLOTS if len(info.observation_space.shape or ()) > 1 else _VECTOR_SLOTS
    shares = share_slots(jobs, min(total, num_envs or limit)) if total else {}
    slots = sum(shares.values())
    context = completed(context, info)
    worlds = [ShiftedWorld(condition, context, max(slots, 1)) for condition in parsed]
    noise = None
    if exploration is not None:
        noise = Exploration(exploration, len(seeds), info.action_space, max(slots, 1))
    if not slots:
        return iter(())
    loop = _Loop(policies, info, worlds, jobs, shares, noise, record, on_progress)
    return loop.run(threads, env_kwargs)


def completed(context: ShiftContext | None, info: EnvInfo) -> ShiftContext:
    """The context, with what it leaves out taken from the environment."""
    context = context or ShiftContext()
    return replace(
        context,
        observation_space=context.observation_space or info.observation_space,
        action_space=context.action_space or info.action_space,
        dynamics=info.domain,
        base_model=info.base_model,
        velocity_channels=context.velocity_channels or info.velocity_channels,
        env_id=info.env_id,
    )


class _Group:
    """A policy with its slots, which are neighbours, and what it remembers."""

    def __init__(self, name: str, policy: Policy, start: int, size: int) -> None:
        self.name, self.policy = name, policy
        self.slots = slice(start, start + size)
        self.state = policy.initial_state(size)


class _Loop:
    def __init__(
        self,
        policies: Mapping[str, Policy],
        info: EnvInfo,
        worlds: Sequence[ShiftedWorld],
        jobs: dict[str, Any],
        shares: dict[str, int],
        exploration: Exploration | None,
        record: bool,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._info, self._worlds, self._jobs = info, worlds, jobs
        self._exploration, self._on_progress = exploration, on_progress
        self._groups, start = [], 0
        for name, size in shares.items():
            if size:
                self._groups.append(_Group(name, policies[name], start, size))
            start += size
        self._n = start
        self._queue_of = [g.name for g in self._groups for _ in range(g.slots.stop - g.slots.start)]
        self._playing: list[Job | None] = [None] * self._n
        self._times, self._returns = np.zeros(self._n, np.int64), np.zeros(self._n)
        self._starts, self._running = np.zeros(self._n, bool), np.zeros(self._n, bool)
        self._levels: dict[int, tuple[float, ...]] = {}
        self._rows_of: dict[int, Rows] = {}  # condition -> slots that play it
        self._recorder = Recorder(self._n) if record else None
        self._edits = any(world.edits for world in worlds)
        self._total = sum(map(len, jobs.values()))
        self._done, self._steps, self._reported = 0, 0, 0.0
        self._checked = False

    def run(self, threads: int | None, env_kwargs: dict[str, Any]) -> Iterator[Episode]:
        models = [self._info.base_model] * self._n if self._edits else None
        env = envs.make(self._info.env_id, self._n, models, threads, **env_kwargs)
        try:
            observations, broken = self._refill(env, np.arange(self._n))
            yield from broken
            while self._running.any():
                observations, ended = self._tick(env, observations)
                yield from ended
                free = np.flatnonzero(~self._running & self._has_jobs())
                if len(free):
                    observations, broken = self._refill(env, free)
                    yield from broken
                self._report()
        finally:
            env.close()

    def _tick(self, env: Any, observations: Array) -> tuple[Array, list[Episode]]:
        """One step of everything: see, decide, act, and end what has ended."""
        seen = self._see(observations)
        labels = self._decide(seen)
        executed, errors = self._execute(labels)
        self._change_physics(env)
        try:
            observations, rewards, terminated, truncated, infos = env.step(executed)
        except LrsError:
            raise
        except Exception as error:
            rewards, terminated = np.zeros(self._n), np.zeros(self._n, bool)
            truncated, infos = terminated, {}
            errors = dict.fromkeys(np.flatnonzero(self._running).tolist(), describe_failure(error))
        for i in np.flatnonzero(infos.get("_error", ())).tolist():
            errors.setdefault(i, infos["error"][i])
        for i in np.flatnonzero(~np.isfinite(rewards) & self._running).tolist():
            errors.setdefault(i, f"the reward of step {self._times[i]} is not finite")
        if self._recorder is not None:
            self._recorder.append(seen, executed, labels, np.asarray(rewards, np.float64))
        good = self._running.copy()
        good[list(errors)] = False
        self._returns[good] += rewards[good]
        self._times[good] += 1
        self._steps += int(self._running.sum())
        self._starts[:] = False
        over = self._running & (terminated | truncated)
        over[list(errors)] = True
        ended = [
            self._end(i, errors.get(i), bool(terminated[i])) for i in np.flatnonzero(over).tolist()
        ]
        if ended:
            self._regroup()
            if self._recorder is not None:
                self._recorder.forget(self._running)
        return observations, ended

    def _see(self, observations: Array) -> Array:
        """What the policies see `(N, ...)`: the observations, shifted by each slot's condition."""
        seen = None
        for condition, rows in self._rows_of.items():
            world = self._worlds[condition]
            if world.observes:
                seen = observations.copy() if seen is None else seen
                seen[rows] = world.observe(observations[rows], rows, self._times[rows])
        return observations if seen is None else seen

    def _decide(self, seen: Array) -> Array:
        """What the policies want `(N, ...)`: one call each."""
        space = self._info.action_space
        wanted = np.zeros((self._n, *(space.shape or ())), space.dtype)
        for group in self._groups:
            slots = group.slots
            if not self._running[slots].any():
                continue
            step = group.policy.step if self._checked else first_step(group.name, group.policy)
            actions, group.state = step(seen[slots], group.state, self._starts[slots])
            if not self._checked:
                check_actions(group.name, actions, wanted[slots], self._info.env_id)
            wanted[slots] = actions
        self._checked = True
        return wanted

    def _execute(self, labels: Array) -> tuple[Array, dict[int, str]]:
        """What is done `(N, ...)`: within bounds, with exploration, shifted by each condition."""
        executed, errors = labels, {}
        if executed.dtype.kind == "f":
            space: Any = self._info.action_space
            flat = executed.reshape(self._n, -1)
            bad = ~np.isfinite(flat).all(axis=1) & self._running
            for i in np.flatnonzero(bad).tolist():
                errors[i] = f"the policy's action of step {self._times[i]} is not finite"
            executed = np.clip(np.nan_to_num(executed), space.low, space.high)
        if self._exploration is not None:
            executed = self._exploration.act(executed, np.arange(self._n), self._times)
        for condition, rows in self._rows_of.items():
            world = self._worlds[condition]
            if world.acts:
                executed = executed.copy() if executed is labels else executed
                executed[rows] = world.act(executed[rows], rows, self._times[rows])
        return executed, errors

    def _change_physics(self, env: Any) -> None:
        """Give slots whose shift has moved on another model."""
        models = {}
        for condition, rows in self._rows_of.items():
            world = self._worlds[condition]
            if not world.edits_over_time:
                continue
            levels = map(tuple, world.levels(self._times[rows]).tolist())
            for i, level in zip(rows.tolist(), levels, strict=True):
                if self._levels.get(i) != level:
                    models[i], self._levels[i] = world.model(level), level
        if models:
            env.set_models(models)

    def _has_jobs(self) -> Flags:
        return np.array([bool(self._jobs[name]) for name in self._queue_of])

    def _refill(self, env: Any, free: Rows) -> tuple[Array, list[Episode]]:
        """Start the next episodes in free slots; those that cannot even start have failed."""
        broken: list[Episode] = []
        while True:
            mask, seeds = np.zeros(self._n, bool), [None] * self._n
            models = {}
            for i in free.tolist():
                if self._jobs[self._queue_of[i]]:
                    job = self._jobs[self._queue_of[i]].popleft()
                    self._playing[i], mask[i], seeds[i] = job, True, job.seed
                    models[i] = self._worlds[job.condition].model() if self._edits else None
            options: dict[str, Any] = {"reset_mask": mask}
            if self._edits:
                options["models"] = models
            observations, infos = env.reset(seed=seeds, options=options)
            self._begin(np.flatnonzero(mask))
            failed = np.flatnonzero(infos.get("_error", ()))
            broken += [self._end(i, infos["error"][i], False) for i in failed.tolist()]
            free = failed
            self._regroup()
            if not len(free) or not self._has_jobs()[free].any():
                return observations, broken

    def _begin(self, rows: Rows) -> None:
        """Forget everything about the former episodes of these slots."""
        self._times[rows], self._returns[rows] = 0, 0.0
        self._starts[rows], self._running[rows] = True, True
        for i in rows.tolist():
            self._levels.pop(i, None)
        jobs = [job for i in rows if (job := self._playing[i]) is not None]
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

    def _regroup(self) -> None:
        playing = [job.condition if job is not None else -1 for job in self._playing]
        played = np.where(self._running, playing, -1)
        self._rows_of = {c: np.flatnonzero(played == c) for c in np.unique(played) if c >= 0}

    def _end(self, i: int, error: str | None, terminated: bool) -> Episode:
        job, length = self._playing[i], int(self._times[i])
        if job is None:
            raise AssertionError(f"slot {i} ended without an episode")
        trajectory = self._recorder.trajectory(i, length) if self._recorder else None
        self._running[i] = False
        self._done += 1
        condition = self._worlds[job.condition].condition
        return Episode(
            policy=job.policy,
            env=self._info.env_id,
            shift=condition.shift,
            severity=condition.severity,
            episode=job.episode,
            seed=job.seed,
            return_=float(self._returns[i]),
            length=length,
            status="ok" if error is None else "failed",
            error=error,
            terminated=terminated and error is None,
            trajectory=trajectory,
        )

    def _report(self) -> None:
        now = time.monotonic()
        last = not self._running.any()
        if self._on_progress is None or (now - self._reported < _PROGRESS_SECONDS and not last):
            return
        self._reported = now
        horizon = self._info.max_episode_steps
        partial = float(self._times[self._running].sum()) / horizon if horizon else 0.0
        fraction = min((self._done + partial) / self._total, 1.0)
        self._on_progress(Progress(self._done, self._total, self._steps, fraction))
