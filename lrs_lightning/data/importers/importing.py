"""From foreign files to a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.registry import AUTO, choose
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import Task
from lrs_lightning.data.writing import write_store
from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, did_you_mean


def import_demonstrations(
    source: str | Path,
    out: str | Path,
    format: str = AUTO,
    env: str | None = None,
    options: Mapping[str, Any] | None = None,
    on_episode: Callable[[int], None] | None = None,
) -> DemonstrationStore:
    """Turn demonstrations of a known format into a store.

    Args:
        source: file or folder.
        out: folder of the store.
        format: a name of `importers()`, or `"auto"`: the one that recognises the source.
        env: the task they are of; the format's own where it has one.
        options: of the format: the fields of its class.
        on_episode: called with the number of episodes read so far.

    Raises:
        ArgumentError: an unknown format or option, no such source, or no task.
        DataError: a file is damaged, or an episode is not of the task; the store is not written.
    """
    source = Path(source)
    kind = choose(format, source)
    importer = configured(kind, options or {})
    if env is None and kind.env is None:
        raise ArgumentError(
            f"format {kind.name!r} does not say which task its files are of: name it with --env"
        )
    info = describe(env or str(kind.env))
    task = Task.of(info.env_id, info.observation_space, info.action_space)
    about = {"expert": kind.name, "expert_card": {}, "format": kind.name, "source": str(source)}
    episodes = _counted(importer.episodes(source, task), on_episode)
    return write_store(out, task, episodes, about | importer.about())


def configured(kind: type[Importer], options: Mapping[str, Any]) -> Importer:
    """An importer with its options set.

    Raises:
        ArgumentError: it has no such option.
    """
    known: list[str] = [field.name for field in fields(kind)] if is_dataclass(kind) else []
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ArgumentError(
                f"format {kind.name!r} has no option {name!r}{did_you_mean(name, known)} "
                f"There is {listed}"
            )
    return kind(**options)


def _counted(
    episodes: Iterator[Demonstration], on_episode: Callable[[int], None] | None
) -> Iterator[Demonstration]:
    for count, episode in enumerate(episodes, start=1):
        yield episode
        if on_episode is not None:
            on_episode(count)
