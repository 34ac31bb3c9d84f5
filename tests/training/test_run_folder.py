"""Each run has a folder of its own, also where several begin at the same moment."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from lrs_lightning.errors import DataError
from lrs_lightning.locking import LOCK
from lrs_lightning.training.run_folder import own_folder
from tests.data.toys import FORK, together


class Trainer:
    """Has a log_dir as Lightning's does: asked for, it makes the logger count."""

    def __init__(self, logger):
        self.logger = logger

    @property
    def log_dir(self):
        return self.logger.log_dir


@pytest.mark.parametrize("kind", [TensorBoardLogger, CSVLogger])
def test_runs_that_begin_at_once_have_a_folder_each(tmp_path, kind):
    barrier = FORK.Barrier(3)

    def begin() -> list[str]:
        folders = []
        for number in range(20):
            logger = kind(tmp_path, name=f"task-{number}")
            barrier.wait(30)
            with own_folder(Trainer(logger)):
                barrier.wait(30)  # until all are in theirs
                folders.append(logger.log_dir)
        return folders

    found = together(begin, begin, begin, seconds=60)
    for number, folders in enumerate(zip(*found, strict=True)):
        expected = [str(tmp_path / f"task-{number}" / f"version_{k}") for k in range(3)]
        assert sorted(folders) == expected


def test_the_next_run_counts_on(tmp_path):
    for expected in ("version_0", "version_1"):
        logger = TensorBoardLogger(tmp_path, name="task")
        with own_folder(Trainer(logger)):
            assert logger.log_dir.endswith(expected)


@pytest.mark.parametrize("version", [3, "mine"])
def test_a_folder_that_was_named_is_that_folder(tmp_path, version):
    for _ in range(2):  # there or not
        logger = TensorBoardLogger(tmp_path, name="task", version=version)
        with own_folder(Trainer(logger)):
            folder = tmp_path / "task" / ("version_3" if version == 3 else "mine")
            assert logger.log_dir == str(folder)
            assert [path.name for path in folder.iterdir()] == [LOCK]
    assert len(list((tmp_path / "task").iterdir())) == 1


def test_of_two_runs_in_one_folder_the_second_is_refused(tmp_path):
    held, tried = FORK.Event(), FORK.Event()

    def trainer():
        return Trainer(TensorBoardLogger(tmp_path, name="task", version=0))

    def first() -> str:
        with own_folder(trainer()):
            held.set()
            tried.wait(30)
        return "done"

    def second() -> str:
        held.wait(30)
        try:
            with own_folder(trainer()):
                return "got in"
        except DataError as error:
            return str(error)
        finally:
            tried.set()

    done, said = together(first, second)
    assert done == "done"
    assert said.startswith(f"another process is writing into {tmp_path}/task/version_0: wait")


def test_a_run_that_fails_takes_its_empty_folder_with_it_and_no_other(tmp_path):
    logger = TensorBoardLogger(tmp_path / "runs", name="task")
    with pytest.raises(ValueError, match="refused"), own_folder(Trainer(logger)):
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []
    kept = tmp_path / "runs" / "task" / "version_0"
    kept.mkdir(parents=True)
    for version in (None, 0):
        logger = TensorBoardLogger(tmp_path / "runs", name="task", version=version)
        with pytest.raises(ValueError, match="refused"), own_folder(Trainer(logger)):
            raise ValueError("refused")
        assert list(kept.parent.iterdir()) == [kept]


def test_a_run_that_fails_after_it_has_begun_leaves_what_there_is(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="task")
    with pytest.raises(ValueError, match="later"), own_folder(Trainer(logger)):
        (tmp_path / "task/version_0/checkpoints").mkdir()
        (tmp_path / "task/version_0/checkpoints/last.ckpt").write_text("")
        raise ValueError("later")
    assert [path.name for path in (tmp_path / "task/version_0").iterdir()] == ["checkpoints"]


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "task").write_text("")
    with (
        pytest.raises(OSError, match="task"),
        own_folder(Trainer(TensorBoardLogger(tmp_path, name="task"))),
    ):
        pass


def test_a_run_without_a_folder():
    with own_folder(SimpleNamespace(logger=None, log_dir=None)):
        pass
