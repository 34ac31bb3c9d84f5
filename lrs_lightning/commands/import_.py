"""`import`: turn somebody else's demonstrations into a store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(import_, f"{PROGRAM} {verb}", arguments))


def import_(
    *,
    source: Path,
    out: Path,
    format: str = "auto",
    env: str | None = None,
    option: Sequence[str] = (),
    quiet: bool = False,
) -> int:
    """Turn somebody else's demonstrations into a store that `fit --data.path` reads.

    A format that is not there is answered with those that are, your own packages' included.

    Args:
        source: file or folder
        out: folder of the store
        format: what the files are, e.g. ncps-npz; auto recognises them
        env: the task they are of; needed where the format has none
        option: options of the format, each KEY=VALUE
        quiet: show no progress
    """
    from lrs_lightning.data.importers import import_demonstrations

    def show(done: int) -> None:
        if sys.stderr.isatty() and not quiet:
            print(f"\r{done} episodes", end="", file=sys.stderr, flush=True)

    store = import_demonstrations(source, out, format, env, _options(option), show)
    size = store.bytes_on_disk / 1e6
    print(
        f"{len(store)} episodes of {store.task.env}, {store.manifest['steps']} steps: "
        f"{store.folder} ({size:.1f} MB)"
    )
    return 0


def _options(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise ArgumentError(f"--option {word!r}: write KEY=VALUE")
    return dict(word.split("=", 1) for word in words)
