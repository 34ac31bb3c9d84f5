"""Several results files into one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from lrs_lightning.files import whole_file
from lrs_lightning.statistics.results import stream_lines


def merge_results(paths: Iterable[str | Path], out: str | Path) -> int:
    """Write the rows of several files into one; only rows equal in every column are merged.

    Row by row: of each only 16 bytes are kept in memory.

    Returns:
        How many rows were written, in the order of the files.
    """
    seen: set[bytes] = set()
    with whole_file(out) as unfinished, unfinished.open("wb", buffering=1 << 20) as file:
        for path in paths:
            for line in stream_lines(path):
                known = hashlib.blake2b(line, digest_size=16).digest()
                if known not in seen:
                    seen.add(known)
                    file.write(line)
    return len(seen)
