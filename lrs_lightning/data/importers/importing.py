"""From foreign files to a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings import Finding, Survey, warn_of
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.file_map import FileMap, read_map
from lrs_lightning.data.importers.registry import AUTO, choose
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import Task
from lrs_lightning.data.writing import write_store
from lrs_lightning.errors import ArgumentError, did_you_mean

_LOOKED_AT = 20  # episodes of a source that is only looked at


def import_demonstrations(
    source: str | Path,
    out: str | Path,
    format: str = AUTO,
    env: str | None = None,
    options: Mapping[str, Any] | None = None,
    on_episode: Callable[[int], None] | None = None,
    map: str | Path | None = None,
) -> DemonstrationStore:
    """Turn demonstrations of a known format into a store.

    What looks wrong about them is given as a `DataWarning`.

    Args:
        source: file or folder.
        out: folder of the store.
        format: a name of `importers()`, or `"auto"`: the one that recognises the source.
        env: the task they are of; the format's own where it has one, `"none"` without a simulator.
        options: of the format: the fields of its class.
        on_episode: called with the number of episodes read so far.
        map: a file that says what the columns mean; see `file_map.py`.

    Raises:
        ArgumentError: an unknown format or option, no such source, or no task.
        DataError: a file is damaged, or an episode is not of the task; the store is not written.
    """
    given = Path(source)
    importer, source = prepared(given, format, options, map)
    task = importer.task(source, env or importer.env)
    about = {"expert": importer.name, "expert_card": {}, "format": importer.name}
    about |= {"source": str(given), **importer.about(), **importer.about_source(source)}
    survey = Survey(task)
    episodes = _counted(survey.watch(importer.episodes(source, task)), on_episode)
    store = write_store(out, task, episodes, about, importer.exact)
    warn_of(_findings(importer, source, task, survey), str(out))
    return store


@dataclass(frozen=True)
class Understood:
    """What a source was taken for, before anything is written.

    Args:
        format: name of the format.
        columns: name -> shape of one entry, of formats with columns.
        map: what they mean.
        task: what the episodes are of.
        episodes: the first ones.
        findings: what looks wrong about them.
    """

    format: str
    columns: Mapping[str, tuple[int, ...]]
    map: FileMap | None
    task: Task
    episodes: list[Demonstration]
    findings: list[Finding]


def understand(
    source: str | Path,
    format: str = AUTO,
    env: str | None = None,
    options: Mapping[str, Any] | None = None,
    map: str | Path | None = None,
) -> Understood:
    """Look at the first episodes of a source; nothing is written.

    Args:
        source: as in `import_demonstrations`, like all others.
        format: see there.
        env: see there.
        options: see there.
        map: see there.

    Raises:
        LrsError: as in `import_demonstrations`.
    """
    importer, source = prepared(Path(source), format, options, map)
    columns: Mapping[str, tuple[int, ...]] = {}
    meant = None
    if isinstance(importer, TableImporter):
        columns, meant = importer.columns(source), importer.read_map(source, env)
    task = importer.task(source, env or importer.env)
    survey = Survey(task)
    first = list(islice(survey.watch(importer.episodes(source, task)), _LOOKED_AT))
    findings = _findings(importer, source, task, survey)
    return Understood(importer.name, columns, meant, task, first, findings)


def _findings(importer: Importer, source: Path, task: Task, survey: Survey) -> list[Finding]:
    """What looks wrong, by source and by episodes; what the source tells is not guessed again."""
    told = importer.findings(source, task.env)
    kinds = {finding.kind for finding in told}
    return [*told, *(found for found in survey.findings() if found.kind not in kinds)]


def prepared(
    source: Path, format: str, options: Mapping[str, Any] | None, map: str | Path | None
) -> tuple[Importer, Path]:
    """The importer with its options, and where the source is.

    Raises:
        ArgumentError: an unknown format or option, no such source, or a map for a format that has
            no columns.
    """
    kind = choose(format, source)
    chosen: dict[str, Any] = dict(options or {})
    if map is not None:
        if not issubclass(kind, TableImporter):
            raise ArgumentError(f"format {kind.name!r} has no columns to map: leave --map out")
        chosen["map"] = read_map(Path(map))
    return configured(kind, chosen), kind.locate(source)


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
