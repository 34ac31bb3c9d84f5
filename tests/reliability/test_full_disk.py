"""A disk that is full or read-only: it is named, what was there stays whole, nothing is left over.

Each writer fails at each of its calls of the system, and on a real disk at each page.
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import pytest

from lrs_lightning.cli import main
from lrs_lightning.errors import DataError
from lrs_lightning.locking import LOCK
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.checkpoint_files import load_checkpoint
from tests.reliability.disks import refusing, small_disk
from tests.reliability.writers import WRITERS

Files = dict[str, bytes]


def files(folder: Path) -> Files:
    """Names and contents; an empty folder is a name without content."""
    return {
        str(path.relative_to(folder)): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if not path.name.startswith((LOCK, ".ballast", "events.out"))
        and (path.is_file() or not any(path.iterdir()))
    }


def states(write, folder: Path) -> tuple[Files, Files, int]:
    """What the folder holds after a first and a second writing, and how many calls that made."""
    folder.mkdir()
    write(folder, 1)
    before = files(folder)
    with refusing(folder, -1) as refusals:
        write(folder, 2)
    return before, files(folder), refusals.calls


def assert_whole(found: Files, before: Files, after: Files) -> None:
    """Each file is the old one or the new one; what grows by lines holds whole ones."""
    assert found.keys() <= before.keys() | after.keys(), "litter"
    assert before.keys() - after.keys() <= found.keys() or found.keys() == after.keys()
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        if name.endswith(("results.jsonl", "curve.csv")):
            assert new.startswith(found[name]) and found[name].startswith(old)
            assert found[name].endswith(b"\n")
        else:
            assert found[name] in (old, new), name


def attempt(write, folder: Path) -> bool:
    """Write the second state; whether it failed, which must be one sentence about this folder."""
    try:
        write(folder, 2)
    except DataError as error:
        text = str(error)
        assert text.startswith("cannot write ") and str(folder) in text and "\n" not in text, text
        return True
    return False


@pytest.mark.parametrize("name", WRITERS)
def test_whichever_call_is_the_first_that_finds_it_full(tmp_path, name):
    write = WRITERS[name]
    before, after, calls = states(write, tmp_path / "right")
    assert calls >= 4
    for number in range(calls):
        folder = tmp_path / f"full-{number}"
        folder.mkdir()
        write(folder, 1)
        with refusing(folder, number):
            assert attempt(write, folder), number
        assert_whole(files(folder), before, after)


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_written_to_a_folder_that_is_read_only(tmp_path, name):
    write = WRITERS[name]
    write(tmp_path, 1)
    before = files(tmp_path)
    with refusing(tmp_path, 0, errno.EROFS):
        assert attempt(write, tmp_path)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    ["text", "checkpoint", "store", "grown store", "results", "exported", "analysis", "curve"],
)
def test_a_real_disk_that_is_full_at_any_page(tmp_path, name):
    """The libraries that fill files in C write when they like, and on closing too."""
    write = WRITERS[name]
    before, after, _ = states(write, tmp_path / "right")
    failed, pages = True, 0
    while failed:
        with small_disk(tmp_path / "disk", 500) as disk:
            write(disk.folder, 1)
            disk.leave(pages)
            failed = attempt(write, disk.folder)
            assert_whole(files(disk.folder), before, after)
        pages += 1
    assert pages > 1


@pytest.fixture
def fit_on(fit_words, monkeypatch, capsys):
    """Run `fit` on a disk; the exit code and the last line that it prints."""
    monkeypatch.setattr(ShiftedEvaluation, "_report", lambda *_: None)

    def run(disk, *more):
        code = main([*fit_words, f"--trainer.logger.save_dir={disk.folder}", *more])
        return code, (capsys.readouterr().err.splitlines() or [""])[-1]

    return run


@pytest.mark.parametrize("pages", [1, 6, 95])
def test_a_fit_that_finds_its_disk_full(fit_on, tmp_path, pages):
    """Before it begins, at its first files, and at a later save."""
    with small_disk(tmp_path / "disk", pages) as disk:
        code, told = fit_on(disk)
        assert code == 2 and told.startswith(f"error: cannot write {disk.folder}/")
        assert "(No space left on device): free some space there" in told
        found = files(disk.folder)
        assert not any(Path(name).name.startswith(".") for name in found), "litter"
        if pages < 90:
            assert not found, "nothing came of it"
            return
        run = disk.folder / "HalfCheetah-v5" / "version_0"
        step = load_checkpoint(run)[0]["global_step"]
        assert step > 0 and f"; update {step} is saved: --ckpt_path={run}" in told


def test_a_fit_that_goes_on_where_nothing_can_be_written(fit_on, tmp_path):
    """Its configuration is written anew when it goes on, and its events when it begins."""
    with small_disk(tmp_path / "disk", 400) as disk:
        assert fit_on(disk)[0] == 0
        before = files(disk.folder)
        disk.leave(0)
        code, told = fit_on(disk, "--ckpt_path=last")
        assert code == 2 and told.startswith(f"error: cannot write {disk.folder}/")
        assert files(disk.folder) == before
        disk.read_only()
        code, told = fit_on(disk, "--ckpt_path=last")
        assert code == 2 and "(Read-only file system): choose another folder" in told
        assert files(disk.folder) == before


def test_standard_output_may_be_what_is_full(monkeypatch, capsys):
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["--help"]) == 2
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    told = capsys.readouterr().err
    assert told.startswith("error: cannot write standard output or") and told.count("\n") == 1
