"""A file that HDF5 can fill on a disk that is full: the library crashes where a write fails."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class PatientFile(io.RawIOBase):
    """Notes the first write that fails and keeps what follows in memory, until that is asked for.

    HDF5 keeps much of a file to itself until it is closed. A write that fails then leaves it in a
    state in which closing ends the process (a segmentation fault in HDF5 2.0 and before). Here no
    write fails while HDF5 works, what it reads is what it wrote, and `check` raises the error.
    Whoever writes asks often, so that little has to be kept.

    Args:
        path: the file, which is emptied.

    Raises:
        OSError: it cannot be opened; in `check`, and on leaving the block: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._handle = -1  # should it not open: `close` is called where an object is thrown away
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._position = self._end = 0
        self._error: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise what has failed so far."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        """Write all of it, to the disk or to memory."""
        content = bytes(data)
        if self._error is None:
            try:
                self._to_disk(content)
            except OSError as error:
                self._error = error
        if self._error is not None:
            self._kept.append((self._position, content))
        self._position += len(content)
        self._end = max(self._end, self._position)
        return len(content)

    def _to_disk(self, content: bytes) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(self._handle, content[written:], self._position + written)

    def readinto(self, buffer: Any) -> int:
        """Read what was written, wherever it is; what never was is zero."""
        view, first = memoryview(buffer).cast("B"), self._position
        found = os.pread(self._handle, len(view), first).ljust(len(view), b"\0")
        view[:] = found
        for start, content in self._kept:
            low, high = max(start, first), min(start + len(content), first + len(view))
            if low < high:
                view[low - first : high - first] = content[low - start : high - start]
        self._position += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The place."""
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Make it so long."""
        self._end = self._position if size is None else size
        if self._error is None:
            try:
                os.ftruncate(self._handle, self._end)
            except OSError as error:
                self._error = error
        return self._end

    def seekable(self) -> bool:
        """Yes."""
        return True

    readable = writable = seekable

    def close(self) -> None:
        """Close it; more than once is fine."""
        if not self.closed and self._handle >= 0:
            os.close(self._handle)
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is None:
            self.check()
