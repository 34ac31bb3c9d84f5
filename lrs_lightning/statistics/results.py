"""`results.jsonl`: one whole JSON line per episode, appended as episodes end.

A line is written in one go and ends in a newline, so that a killed evaluation leaves whole lines
and at most one torn one at the end. Reading drops that one; the writer cuts it off and goes on. A
line is flat and complete in itself: `pandas.read_json(path, lines=True)` or
`polars.read_ndjson(path)` give a tidy table, and files are merged by concatenation. What a line
holds, and how it is checked, is in `result_line.py`.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lrs_lightning.errors import DataError, LrsError
from lrs_lightning.files import append_whole, cannot_write, make_folder, write_whole
from lrs_lightning.foreign_id import check_foreign_id
from lrs_lightning.near import did_you_mean_path, such_as
from lrs_lightning.rollout import Episode
from lrs_lightning.shifts import Condition
from lrs_lightning.statistics.result_line import (
    COLUMNS,
    SCHEMA,
    LineError,
    Row,
    checked,
    decoded,
    line_of,
    row_of,
    verified,
)

ENDINGS = ("terminated", "outcome", "success", "fell_at")
"""Further columns, each where it is known, in no file of old; see `rollout.Episode`."""

_TORN = "%s ends in a torn line: its %d whole episodes are kept"
log = logging.getLogger(__name__)


def episode_row(episode: Episode, **columns: Any) -> Row:
    """The line of an episode.

    Args:
        episode: as `rollout` yields it.
        columns: what else each line shall say, e.g. `run=..., commit=..., step=...`.

    Returns:
        The columns `COLUMNS`, `schema`, `condition` (the whole text of the condition), `error`
        where the episode failed, and `columns`. An episode whose return is not finite has failed.
    """
    row: Row = {"schema": SCHEMA}
    row |= {name: getattr(episode, name) for name in COLUMNS if name != "return"}
    row["return"] = float(episode.return_)
    row["condition"] = condition_name(row)
    endings = {name: getattr(episode, name) for name in ENDINGS}
    row |= {name: value for name, value in endings.items() if value not in (None, "")}
    if episode.status != "ok":
        row["error"] = episode.error or "unknown"
    elif not math.isfinite(row["return"]):
        row |= {"status": "failed", "error": f"the return is {row['return']}"}
    if row["status"] != "ok":
        row["return"] = row["return"] if math.isfinite(row["return"]) else None
    return row | columns


def condition_name(row: Mapping[str, Any]) -> str:
    """The text of a row's condition, e.g. `clean` or `mass@3`: what `condition` says if present."""
    named = row.get("condition")
    if isinstance(named, str) and named:
        return named
    try:
        return str(Condition(row["shift"], row["severity"]))
    except LrsError:  # a shift that is not registered here
        return f"{row['shift']}@{row['severity']}"


def episode_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two rows the same episode: policy, task, condition, seed, and training step."""
    return row["policy"], row["env"], condition_name(row), row["seed"], row.get("step")


def latest(rows: Iterable[Row]) -> list[Row]:
    """Each episode once: where one was played again, e.g. after a failure, the last row counts."""
    return list({episode_key(row): row for row in rows}.values())


class ResultsWriter:
    """Append episodes to a `results.jsonl`; a torn last line of an earlier run is cut off first.

    Args:
        path: the file; its folder is created.
        columns: added to each line, e.g. the provenance of the run.
        sync_every: lines between two calls of fsync. A killed process loses no whole line in any
            case; a machine that loses power loses at most this many.

    Raises:
        DataError: the file cannot be written.
    """

    def __init__(
        self, path: str | Path, columns: Mapping[str, Any] | None = None, sync_every: int = 64
    ) -> None:
        self.path, self._columns = Path(path), dict(columns or {})
        self._sync_every, self._unsynced = sync_every, 0
        _refuse_link(self.path)
        self._made_folder, self._handle = not self.path.parent.exists(), -1
        make_folder(self.path.parent)
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._mend_tail()
        except OSError as error:
            self._let_go()
            raise cannot_write(self.path, error) from error

    def write(self, episode: Episode, **columns: Any) -> Row:
        """Append one line and return its row."""
        row = episode_row(episode, **self._columns, **columns)
        self.write_rows([row])
        return row

    def write_rows(self, rows: Iterable[Row]) -> None:
        """Append rows as they are."""
        lines = [line_of(row) for row in rows]
        self._append(b"".join(lines))
        self._unsynced += len(lines)
        if self._unsynced >= self._sync_every:
            self.sync()

    def sync(self) -> None:
        """Have the disk hold what was written.

        Raises:
            DataError: it cannot.
        """
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self._unsynced = 0

    def close(self) -> None:
        """Sync and close; more than once is fine. A file without a line is taken away again.

        Raises:
            DataError: the disk cannot hold what was written. It is closed all the same.
        """
        if self._handle < 0:
            return
        try:
            self.sync()
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What failed first is told, and not that the disk is still full.
        with nullcontext() if error is None else suppress(DataError):
            self.close()

    def _let_go(self) -> None:
        """Close, and take away a file without a line and the folder that was made for it."""
        with suppress(OSError):  # the folder may hold something else by now
            if self._handle >= 0:
                empty = os.fstat(self._handle).st_size == 0
                os.close(self._handle)
                self._handle = -1
                if not empty:
                    return
                self.path.unlink(missing_ok=True)
            if self._made_folder:
                self.path.parent.rmdir()

    def _append(self, data: bytes) -> None:
        try:
            append_whole(self._handle, data)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _mend_tail(self) -> None:
        content = self.path.read_bytes()
        if not content or content.endswith(b"\n"):
            return
        whole = content.rfind(b"\n") + 1
        if decoded(content[whole:]) is not None:  # whole, only its newline is missing
            os.write(self._handle, b"\n")
            return
        os.ftruncate(self._handle, whole)


def read_results(path: str | Path) -> list[Row]:
    """All whole rows of a results file; a torn last line is dropped with a notice in the log.

    Raises:
        DataError: no such file, a damaged line before the last, a missing column, another schema.
    """
    return list(stream_results(path))


def stream_results(path: str | Path) -> Iterator[Row]:
    """The same row by row, for files that are larger than memory.

    Raises:
        DataError: as `read_results` does, when the stream comes to that line.
    """
    return map(row_of, stream_lines(path))


def stream_lines(path: str | Path) -> Iterator[bytes]:
    """The same as lines, not decoded: each as `line_of` would write it, whoever wrote it."""
    path = Path(path)
    path = path / "results.jsonl" if path.is_dir() else path
    _refuse_link(path)
    whole, number, tasks = 0, 0, set[str]()
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for line in file:
                number += 1
                right = verified(line)
                if right is not None:
                    env = checked(right).env
                    if env not in tasks:
                        tasks.add(check_foreign_id(env, f"line {number} of {path}"))
                    whole += 1
                    yield right
                elif line.strip() and line.endswith(b"\n"):
                    raise LineError("is not a JSON object: delete it, the others can stay")
                elif line.strip():
                    log.warning(_TORN, path, whole)
    except LineError as error:
        raise DataError(f"line {number} of {path} {error}") from None
    except OSError as error:
        reason = f"({error.strerror}){did_you_mean_path(path)}"
        wanted = f"a results.jsonl or a run folder{such_as(path.parent, path.name)}"
        raise DataError(f"cannot read {path} {reason}: give {wanted}") from error


def _refuse_link(path: Path) -> None:
    """A run folder of somebody else's shows and changes what lies in it, and nothing else."""
    if path.is_symlink():
        raise DataError(f"{path} is a link: give the file that it leads to")


def rewrite_results(path: str | Path, rows: Iterable[Row]) -> Path:
    """Write rows in place of whatever the file has, whole or not at all."""
    return write_whole(path, b"".join(map(line_of, rows)))
