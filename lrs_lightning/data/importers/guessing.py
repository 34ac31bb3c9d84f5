"""Guess from the names of columns what they mean; what cannot be guessed is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lrs_lightning.data.importers.file_map import (
    Actions,
    Episode,
    FileMap,
    Observations,
    Rewards,
    Selection,
)
from lrs_lightning.data.task import NO_ENV
from lrs_lightning.errors import DataError

_OBSERVATIONS = r"(obs|observation|observations|state|states|x)"
_ACTIONS = r"(act|action|actions|u)"
_NUMBERED = r"([._ ]?\[?\d+\]?|[._/]\w+)?"
_WORDS: Mapping[str, str] = {
    "labels": r"(label|labels|expert_action|expert_actions)",
    "rewards": r"(reward|rewards|r|next[._]reward)",
    "episode": r"(episode|episode_id|episode_index|ep|traj|trajectory|traj_id|trajectory_id)",
    "terminated": r"(terminated|terminal|terminals|terminations|next[._]done)",
    "done": r"(done|dones)",
    "truncated": r"(truncated|timeouts?|truncations)",
    "success": r"(success|is_success|next[._]success)",
    "time": r"(time|timestamp|timestamps|t)",
}


def guess_map(columns: Mapping[str, tuple[int, ...]], env: str | None, where: str) -> FileMap:
    """A map for columns of these names.

    Args:
        columns: name -> shape of one entry.
        env: whose widths tell columns without names apart.
        where: what a sentence names.

    Raises:
        DataError: nothing can be told from the names.
    """
    names = list(columns)
    if all(name.isdigit() for name in names):
        return _by_width(len(names), env, where)
    seen, done = _like(_OBSERVATIONS, names), _like(_ACTIONS, names)
    if not seen or not done:
        missing = "observations" if not seen else "actions"
        raise DataError(
            f"{where}: which columns are {missing} cannot be told from {', '.join(names[:12])}"
            f"{', ...' if len(names) > 12 else ''}: say it with --map map.yaml"
        )
    found = {word: _one(pattern, names) for word, pattern in _WORDS.items()}
    flags = [name for word in ("done", "terminated", "truncated") if (name := found[word])]
    return FileMap(
        observations=Observations(seen),
        actions=Actions(done),
        rewards=Rewards(found["rewards"]) if found["rewards"] else Rewards(kind="none"),
        episode=Episode(found["episode"] or flags or "file"),
        terminated=found["terminated"],
        truncated=found["truncated"],
        success=found["success"],
        time=found["time"],
    )


def _like(pattern: str, names: Sequence[str]) -> Selection:
    found = [n for n in names if re.fullmatch(pattern + _NUMBERED, n, re.IGNORECASE)]
    if len(found) > 1:  # one array of all beside its parts would count them twice
        whole = [n for n in found if re.fullmatch(pattern, n, re.IGNORECASE)]
        found = whole if len(whole) == 1 else found
    return list(found)


def _one(pattern: str, names: Sequence[str]) -> str | None:
    return next((n for n in names if re.fullmatch(pattern, n, re.IGNORECASE)), None)


def _by_width(count: int, env: str | None, where: str) -> FileMap:
    """Columns without names: observations, actions, and perhaps rewards, as wide as the task's."""
    sentence = f"{where} has {count} columns without names: say with --map map.yaml what they mean"
    if env is None or env == NO_ENV:
        raise DataError(sentence)
    from lrs_lightning.data.task import Task
    from lrs_lightning.envs import describe

    info = describe(env)
    task = Task.of(info.env_id, info.observation_space, info.action_space)
    if len(task.observation_shape) != 1:
        raise DataError(sentence)
    (seen,) = task.observation_shape
    done = 1 if task.actions is not None else len(task.action_low)
    if count not in (seen + done, seen + done + 1):
        raise DataError(
            f"{sentence}; {env} has {seen} observations and {done} actions, which are "
            f"{seen + done} columns, or {seen + done + 1} with rewards"
        )
    with_rewards = count == seen + done + 1
    return FileMap(
        observations=Observations(f"0:{seen}"),
        actions=Actions(f"{seen}:{seen + done}"),
        rewards=Rewards(seen + done) if with_rewards else Rewards(kind="none"),
    )
