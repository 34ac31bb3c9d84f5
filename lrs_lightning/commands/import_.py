"""`import`: turn somebody else's demonstrations into a store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(import_, f"{PROGRAM} {verb}", arguments))


def import_(
    *,
    format: Literal["ncps-npz"],
    source: Path,
    out: Path,
    env: str = "Breakout",
    quiet: bool = False,
) -> int:
    """Turn somebody else's demonstrations into a store that `fit --data.path` reads.

    Format ncps-npz: a folder of train_*.npz and val_*.npz with obs (T, 84, 84, 4) and
    actions (T,).

    Args:
        format: what the files are
        source: folder of the files
        out: folder of the store
        env: the task they are of
        quiet: show no progress
    """
    from lrs_lightning.data.ncps_npz import import_ncps_npz

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty() and not quiet:
            print(f"\r{done} of {total} files", end="", file=sys.stderr, flush=True)

    store = import_ncps_npz(source, out, env, show)
    size = sum(f.stat().st_size for f in store.folder.iterdir()) / 1e6
    raw = store.manifest["steps"] * 84 * 84 / 1e6
    print(
        f"{store.manifest['files']} files, {len(store)} episodes, {store.manifest['steps']} "
        f"frames: {store.folder} ({size:.1f} MB; {raw / size:.1f} times smaller than raw frames)"
    )
    return 0
