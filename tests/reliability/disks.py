"""Disks that are full or read-only: a real one of a few pages, and one that refuses the n-th call.

The real one is a tmpfs in a mount namespace of this thread alone, so that it is gone with the
process whatever happens; that needs the right to mount.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PAGE = os.sysconf("SC_PAGE_SIZE")
_NEW_NAMESPACE, _READ_ONLY, _REMOUNT, _PRIVATE, _DETACH = 0x20000, 1, 32, 0x4000 | 1 << 18, 2


def _system(name: str, *arguments: Any) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Disk:
    """A file system of its own at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, pages: int) -> None:
        """Fill it until so many pages are free."""
        state = os.statvfs(self.folder)
        (self.folder / ".ballast").write_bytes(bytes(PAGE * (state.f_bfree - pages)))

    def read_only(self) -> None:
        """Allow no change any more."""
        _system("mount", b"none", os.fsencode(self.folder), None, _REMOUNT | _READ_ONLY, None)


@contextmanager
def small_disk(folder: Path, pages: int) -> Iterator[Disk]:
    """Mount a disk of so many pages; skip the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    options = f"size={pages * PAGE},mode=755".encode()
    try:
        _system("unshare", _NEW_NAMESPACE)
        _system("mount", b"none", b"/", None, _PRIVATE, None)
        _system("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options)
    except (OSError, AttributeError) as error:
        pytest.skip(f"no disk can be mounted here ({error})")
    try:
        yield Disk(folder)
    finally:
        _system("umount2", os.fsencode(folder), _DETACH)


class Refusals:
    """From its n-th call on the system refuses whatever would take space or change a folder.

    Args:
        folder: below which it refuses.
        first: number of the first call that fails; -1 counts only.
        number: the error, such as `errno.ENOSPC`.
    """

    def __init__(self, folder: Path, first: int, number: int) -> None:
        self.folder, self.first, self.number = folder, first, number
        self.calls = 0

    def refuse(self, path: Any) -> bool:
        """Count a call; whether it must fail."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        if self.folder not in Path(os.fsdecode(path)).parents:
            return False
        self.calls += 1
        return 0 <= self.first < self.calls

    def guarded(self, call: Callable[..., Any], half: Any = None) -> Callable[..., Any]:
        """The call, which is refused when its time has come."""

        def guard(path: Any, *arguments: Any, **options: Any) -> Any:
            if self.refuse(path):
                if half is not None:
                    half(path, *arguments)
                raise OSError(self.number, os.strerror(self.number))
            return call(path, *arguments, **options)

        return guard


@contextmanager
def refusing(folder: Path, first: int, number: int = errno.ENOSPC) -> Iterator[Refusals]:
    """Refuse in this block, as `Refusals` says."""
    refusals = Refusals(folder, first, number)
    names = ["fsync", "replace", "rename", "mkdir", "chmod", "write", "pwrite"]
    opened, written, io_open = os.open, Path.write_bytes, io.open
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            half = _half_of_bytes if name == "write" else None
            patch.setattr(os, name, refusals.guarded(getattr(os, name), half))

        def open_handle(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            guarded = refusals.guarded(opened) if flags & os.O_CREAT else opened
            return int(guarded(path, flags, *arguments, **options))

        def open_file(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            guarded = refusals.guarded(io_open) if set(mode) & set("wax+") else io_open
            return guarded(file, mode, *arguments, **options)

        patch.setattr(os, "open", open_handle)
        patch.setattr(io, "open", open_file)
        patch.setattr("builtins.open", open_file)
        patch.setattr(Path, "write_bytes", refusals.guarded(written, _half_of_file))
        yield refusals


def _half_of_bytes(handle: int, content: bytes) -> None:
    """A disk that fills up takes a part first."""
    with io.FileIO(handle, "ab", closefd=False) as file:
        file.write(content[: len(content) // 2])


def _half_of_file(path: Path, content: bytes) -> None:
    with io.FileIO(path, "w") as file:
        file.write(content[: len(content) // 2])
