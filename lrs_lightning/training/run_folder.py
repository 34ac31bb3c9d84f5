"""The folder of a run: nothing is left of a run that was refused before it began."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lrs_lightning.training.checkpoint_files import FOLDER


@contextmanager
def only_if_begun(folder: Path | None) -> Iterator[None]:
    """Remove a folder that this block made, where the block fails before there is a result in it.

    Args:
        folder: of the run; None where nothing is written. One that was there before stays.
    """
    if folder is None or folder.exists():
        yield
        return
    missing = [parent for parent in folder.parents if not parent.exists()]
    try:
        yield
    except BaseException:
        if folder.is_dir() and not _has_results(folder):
            shutil.rmtree(folder, ignore_errors=True)
            for parent in missing:
                with suppress(OSError):  # another run has begun there in the meantime
                    parent.rmdir()
        raise


def _has_results(folder: Path) -> bool:
    return any((folder / FOLDER).glob("*.ckpt")) or (folder / "results.jsonl").exists()
