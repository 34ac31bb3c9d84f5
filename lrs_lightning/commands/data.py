"""`data`: what a store holds, and what looks wrong about it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(data, f"{PROGRAM} {verb}", arguments))


def data(
    store: Path, /, *, out: Path | None = None, to: Literal["tables", "minari"] = "tables"
) -> int:
    """Show what a store of demonstrations holds, and what looks wrong about it.

    Every episode is read and checked; returns, lengths and all channels are shown with histograms.

    Args:
        store: folder of the store
        out: folder for tables (CSV) and pictures of a few episodes, or for the dataset of minari
        to: tables, or minari: the store as a Minari dataset, without loss
    """
    from lrs_lightning.data import DemonstrationStore

    opened = DemonstrationStore(store)
    if to == "minari":
        from lrs_lightning.data.exporters import export_minari

        if out is None:
            raise ArgumentError("--out is missing: name the folder of the Minari dataset")
        print(f"{len(opened)} episodes: {export_minari(opened, out)}")
        return 0
    from lrs_lightning.data.profile import page_of, profile
    from lrs_lightning.data.profile_files import write_profile

    found = profile(opened)
    print(page_of(found))
    if out is not None:
        for path in write_profile(found, out):
            print(path)
    return 0
