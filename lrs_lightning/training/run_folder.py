"""The folder of a run: nobody else's, and nothing is left of a run that was refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from lrs_lightning.errors import DataError
from lrs_lightning.locking import alone_in
from lrs_lightning.training.checkpoint_files import FOLDER

MEMBERS = "members"
"""The folder in that of a population which holds a run folder for each member."""

POLICY = "policy"
"""The name of a policy in a run of its own."""

# As many runs may begin in the moment between counting and making a folder.
_ATTEMPTS = 1000


@contextmanager
def own_folder(trainer: pl.Trainer) -> Iterator[None]:
    """Be the only one who writes into the folder of a run while the block lasts.

    Of runs that begin at the same moment each has a number of its own. A folder that is made here
    goes again where the block fails before there is a result in it; one that was there stays.

    Args:
        trainer: whose logger names the folder. Of several processes the first one sees to it.

    Raises:
        DataError: another process writes there, or the folder cannot be made or locked.
        OSError: it cannot be made.
    """
    counts = getattr(trainer.logger, "_version", "") is None  # before it is asked for its folder
    if not trainer.log_dir or vars(rank_zero_only).get("rank"):
        yield
        return
    folder = Path(trainer.log_dir)
    missing = [parent for parent in folder.parents if not parent.exists()]
    folder, made = _claimed(folder, trainer.logger if counts else None)
    with alone_in(folder):
        try:
            yield
        except BaseException:
            if made and not _has_results(folder):
                shutil.rmtree(folder, ignore_errors=True)
                for parent in missing:
                    with suppress(OSError):  # another run has begun there in the meantime
                        parent.rmdir()
            raise


def folder_of(trainer: pl.Trainer) -> Path | None:
    """The folder of a run; None where nothing is written.

    `trainer.log_dir` says the same to all processes at once, and waits for them: what the first one
    does alone must ask here.
    """
    logger: Any = trainer.logger
    if logger is None:
        return Path(trainer.default_root_dir)
    counted = isinstance(logger, TensorBoardLogger | CSVLogger)
    where = logger.log_dir if counted else logger.save_dir
    return Path(where) if where else None


def _claimed(folder: Path, counter: Any) -> tuple[Path, bool]:
    """The folder of a run, and whether it was made: a number that was taken gives way to the next.

    Args:
        folder: where the run would write.
        counter: the logger that counts the runs; None where the folder was named.
    """
    for _ in range(_ATTEMPTS):
        try:
            folder.mkdir(parents=True)
            return folder, True
        except FileNotFoundError:  # another run was refused, and has taken the parents away
            continue
        except FileExistsError:
            if counter is None:
                return folder, False
        counter._version = None  # there is no public way to have it count again
        folder = Path(counter.log_dir)
    raise DataError(f"{folder} cannot be made: choose another --trainer.logger.save_dir")


def _has_results(folder: Path) -> bool:
    return any((folder / FOLDER).glob("*.ckpt")) or (folder / "results.jsonl").exists()
