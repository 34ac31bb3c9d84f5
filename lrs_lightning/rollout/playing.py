"""Ask for episodes: what is to be played, checked before the first step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lrs_lightning import envs
from lrs_lightning.envs import EnvInfo
from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout.checks import check_spaces
from lrs_lightning.rollout.decisions import Decisions
from lrs_lightning.rollout.episode import Episode
from lrs_lightning.rollout.exploration import Exploration
from lrs_lightning.rollout.jobs import Key, plan, share_slots
from lrs_lightning.rollout.loop import Loop
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.progress import Progress, Reporter
from lrs_lightning.rollout.recorder import Recorder
from lrs_lightning.rollout.slots import Slots
from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld

# Side by side at most; beyond, memory grows and nothing gets faster. Many policies share them, but
# a call of a policy should be worth its while.
_VECTOR_SLOTS, _VECTOR_SLOTS_PER_POLICY = 256, 64
_FRAME_SLOTS, _FRAME_SLOTS_PER_POLICY = 32, 8


def rollout(
    policies: Mapping[str, Policy],
    env_id: str,
    conditions: Sequence[Condition | str],
    seeds: Sequence[int],
    context: ShiftContext | None = None,
    exploration: Sequence[float] | None = None,
    record: bool = False,
    *,
    labeller: Policy | None = None,
    record_states: bool = False,
    num_envs: int | None = None,
    threads: int | None = None,
    done: Collection[Key] = (),
    on_progress: Callable[[Progress], None] | None = None,
    timeout: float | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Iterator[Episode]:
    """Play every policy under every condition on every seed, side by side.

    Each episode is played exactly once and yielded as soon as it ends. Episode k starts from
    `seeds[k]` under every condition and policy, so that differences are paired. An episode depends
    neither on `num_envs` nor on `threads` nor on others: to the last bit, unless its policy adds up
    rows together (`Policy.rows_apart`).

    Args:
        policies: name -> policy.
        env_id: the task.
        conditions: what is shifted, e.g. `["clean", "mass@3"]`.
        seeds: one for each episode.
        context: the training data's mean and deviation, for shifts that are measured in them.
        exploration: strength of the noise on executed actions, one for each episode.
        record: whether episodes carry their trajectory.
        labeller: says at every step what it would do on the same observations, and never acts: the
            `labels` of the trajectories. What it remembers follows what is observed.
        record_states: whether trajectories hold what the acting policies remember after each step.
        num_envs: environments side by side, at least one for each policy (default: all episodes, at
            most 256, or 32 with pictures; more for many policies).
        threads: worker threads of the environments (default: all cores, at most 8).
        done: keys (policy, shift, severity, episode) to be left out: played in an earlier run.
        on_progress: called about ten times a second.
        timeout: seconds that a call of a policy, or a step of all environments together, may take
            until it has failed; environments then play on one thread, the only one that can be
            interrupted. What a compiled function does is not. None waits for ever.
        env_kwargs: what `envs.make` is given beside.

    Raises:
        LrsError: an unknown name, a shift the task does not allow, a policy of other spaces or that
            fails at its first call: before the first step. An environment that breaks later ends
            its episode as `"failed"`, a policy those of its episodes that are running.
    """
    if not policies or not len(seeds) or not conditions:
        raise ArgumentError("rollout: give at least one policy, one condition and one seed")
    parsed = [Condition.parse(condition) for condition in conditions]
    if len(set(parsed)) < len(parsed):
        raise ArgumentError("conditions: one is listed twice")
    env_kwargs = dict(env_kwargs or {})
    info = envs.describe(env_id, **env_kwargs)
    if (labeller is not None or record_states) and not record:
        raise ArgumentError(
            "rollout: labels and states are kept in trajectories: give record=True as well"
        )
    for name, policy in policies.items():
        check_spaces(name, policy, info)
    if labeller is not None:
        check_spaces("labeller", labeller, info)
    jobs = plan(list(policies), parsed, seeds, set(done))
    total = sum(map(len, jobs.values()))
    limit = num_envs or default_slots(info, len(policies))
    slots = Slots(jobs, share_slots(jobs, min(total, limit)) if total else {})
    context = completed(context, info)
    worlds = [ShiftedWorld(condition, context, max(slots.count, 1)) for condition in parsed]
    noise = None
    if exploration is not None:
        noise = Exploration(exploration, len(seeds), info.action_space, max(slots.count, 1))
    if not slots.count:
        return iter(())
    decisions = Decisions(policies, slots.of_policy, info, labeller, record_states, timeout)
    recorder = Recorder(slots.count, slots.of_policy) if record else None
    reporter = Reporter(total, info.max_episode_steps, on_progress)
    loop = Loop(info, worlds, slots, decisions, noise, recorder, reporter, timeout)
    return loop.run(threads, env_kwargs)


def default_slots(info: EnvInfo, policies: int) -> int:
    """How many environments play side by side by default."""
    if len(info.observation_space.shape or ()) > 1:
        return max(_FRAME_SLOTS, _FRAME_SLOTS_PER_POLICY * policies)
    return max(_VECTOR_SLOTS, _VECTOR_SLOTS_PER_POLICY * policies)


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
        max_episode_steps=info.max_episode_steps,
        env_id=info.env_id,
        frame_channels=info.frame_channels,
    )
