"""Time and memory of importing a million steps, format by format.

`python -m benchmarks imports [--smoke] [--episodes 1000] [--length 1000] [--rounds 3]`

Each import runs in a process of its own, as `import` on the command line does, so that its peak of
memory is its own. The recordings are written anew before, and are in the memory of the system's
disk cache. What is aimed at: 30 s and 1 GB for a million steps.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._process import Row, in_a_process, peak_mb
from benchmarks._provenance import RESULTS, write_csv
from benchmarks.import_sources import SOURCES
from lrs_lightning.errors import UnknownNameError
from lrs_lightning.options.call import call

_CHILD = "import sys; from benchmarks.imports import child; child(*sys.argv[1:])"


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(measure, "python -m benchmarks imports", arguments)


def measure(
    *,
    formats: Sequence[str] = tuple(SOURCES),
    episodes: int = 1000,
    length: int = 1000,
    rounds: int = 3,
    out: Path | None = None,
    smoke: bool = False,
) -> None:
    """Measure seconds and peak memory of importing recordings; writes a table.

    Args:
        formats: which of npz, parquet, lerobot, robomimic, minari
        episodes: of the recording
        length: steps of each episode
        rounds: imports of each format, each in a process of its own
        out: the table; else benchmarks/results/imports.csv
        smoke: three short episodes, once; writes nothing
    """
    for name in formats:
        if name not in SOURCES:
            raise UnknownNameError("format", name, SOURCES)
    if smoke:
        episodes, length, rounds = 3, 20, 1
    rows: list[Row] = []
    for name in formats:
        with tempfile.TemporaryDirectory() as folder:
            source = SOURCES[name](Path(folder) / "recording", episodes, length)
            for number in range(rounds):
                row: Row = {"format": name, "steps": episodes * length, "round": number}
                rows.append(row | imported(source, Path(folder) / f"store_{number}", name))
                print(line(rows[-1]), flush=True)
    if not smoke:
        write_csv(out or RESULTS / "imports.csv", rows)


def imported(source: Path, out: Path, format: str) -> Row:
    """Import in a process of its own: its seconds, those of the import alone, and its peak.

    Raises:
        DataError: it failed; the sentence has its last line.
    """
    words = (str(source), str(out), format)
    return in_a_process(f"importing {format}", _CHILD, *words)


def child(source: str, out: str, format: str) -> None:
    """Import, and print what it took; runs in the process that is measured."""
    from lrs_lightning.data.importers import import_demonstrations

    begin = time.perf_counter()
    store = import_demonstrations(source, out, format, "none")
    took = round(time.perf_counter() - begin, 3)
    stored = round(store.bytes_on_disk / 1e6, 1)
    print(json.dumps({"import_seconds": took, "peak_mb": peak_mb(), "stored_mb": stored}))


def line(row: Row) -> str:
    """What is printed of an import."""
    return (
        f"{row['format']}: {row['steps']} steps in {row['seconds']} s ({row['import_seconds']} s "
        f"without the start), peak {row['peak_mb']} MB, {row['stored_mb']} MB stored"
    )
