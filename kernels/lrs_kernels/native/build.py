"""Compiles `scan.c` once per machine and cell and loads it; no compiler, no library, and a reason.

A library goes into a private folder of the user's cache, under a name that depends on source,
flags, compiler and processor, so that a shared home never hands one machine the code of another.
It ends with a checksum, which is looked at before it is loaded: one that was cut or altered would
end the process, and is compiled anew instead. OpenMP is left unresolved at link time on purpose:
PyTorch has its own copy of the runtime in the process already, and a second one would fight it for
the cores.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from lrs_kernels.cache import cache_folder, temporary_cache
from lrs_kernels.cell import Cell
from lrs_kernels.native.seal import is_whole, seal

logger = logging.getLogger("lrs_kernels")

SOURCE = Path(__file__).with_name("scan.c")
DISABLED = "LRS_KERNELS_NATIVE"
"""Set this environment variable to 0 and nothing is compiled."""

_FLAGS = (
    "-std=gnu11", "-O3", "-march=native", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
_KINDS = (("f32", "float", 0), ("f64", "double", 1))
_PATIENCE = 120.0
"""Seconds that a call of the compiler may take."""


class _NoCacheError(Exception):
    """No compiler can help: there is no folder to put a library into."""


class Library(NamedTuple):
    """The loaded library, or why there is none."""

    functions: ctypes.CDLL | None
    reason: str


@lru_cache
def load_library(cell: Cell) -> Library:
    """Compile the scan of a cell if need be, load, and remember.

    The first compiler that can do it is taken. Where something stands in the way that could be
    mended, a warning says so, once.
    """
    if os.environ.get(DISABLED) == "0":
        return Library(None, f"{DISABLED}=0")
    if cell.native is None:
        return Library(None, f"the cell {cell.name!r} has no steps in C")
    if platform.system() != "Linux":
        return Library(None, f"C is compiled on Linux only, and this is {platform.system()}")
    found = _compiled(cell.native, _constants(cell))
    if found.functions is None:
        _warn(found.reason)
    else:
        _keep_freed_memory()
    return found


def _compiled(header: Path, constants: dict[str, int]) -> Library:
    obstacles = []
    for compiler in _compilers():
        try:
            path = _built(compiler, header, constants)
            return Library(ctypes.CDLL(str(path)), f"compiled by {compiler}: {_version(compiler)}")
        except _NoCacheError as error:
            return Library(
                None,
                f"compiled code cannot be kept: {error}; set XDG_CACHE_HOME to a folder of yours",
            )
        except (OSError, subprocess.SubprocessError) as error:
            obstacles.append(f"{compiler} failed: {_reason(error)}")
    missing = "no C compiler (cc, gcc or clang) was found: install one, or name yours in CC"
    return Library(None, "; ".join(obstacles) or missing)


@lru_cache
def _warn(reason: str) -> None:
    """Once for each reason, whatever the number of cells."""
    logger.warning(
        "recurrences run without compiled C, which is slower: %s (%s=0 silences this)",
        " ".join(reason.split()),
        DISABLED,
    )


def _reason(error: Exception) -> str:
    """What stood in the way, in a few words."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {error.timeout:.0f} s"
    if isinstance(error, subprocess.CalledProcessError):
        said = [line.strip() for line in (error.stderr or "").splitlines() if line.strip()]
        telling = [line for line in said if "error" in line.lower()]
        code = error.returncode
        mute = f"exit code {code}" if code >= 0 else f"it was ended by signal {-code}"
        return (telling or said or [mute])[0]
    return str(error)


def _constants(cell: Cell) -> dict[str, int]:
    """What C must know of the descriptor."""
    constants = {"SAVED": cell.saved, "HAS_C": cell.has_c, "JOINS_LATE": cell.joins_late}
    variants = {f"VARIANT_{name.upper()}": cell.position(name) for name in cell.variants}
    return {name: int(value) for name, value in (constants | variants).items()}


def _keep_freed_memory() -> None:
    """Let the allocator of glibc keep up to 64 MB of freed memory for the next scan.

    It returns large buffers to the system when they are freed, and each time the system hands out
    zeroed pages again, which can cost as much as the scan. The threshold is twice the largest
    buffer it has seen freed; this one is never written to, so it costs nothing.
    """
    torch.empty(8_000_000)


def _compilers() -> list[str]:
    """Those that are installed, the user's choice first."""
    names = dict.fromkeys((os.environ.get("CC"), "cc", "gcc", "clang"))
    return [name for name in names if name and shutil.which(name)]


def _built(compiler: str, header: Path, constants: dict[str, int]) -> Path:
    """Path of the library, compiled now if it is not there, or not whole."""
    folder = _private_folder()
    target = folder / f"{header.stem}-{_fingerprint(compiler, header, constants)}.so"
    if not is_whole(target):
        with _scratch(folder) as scratch:
            finished = _compile(compiler, header, constants, Path(scratch))
            seal(finished)
            if not is_whole(target):  # another process may have been faster
                os.replace(finished, target)
    return target


def _compile(compiler: str, header: Path, constants: dict[str, int], scratch: Path) -> Path:
    known = [f"-D{name}={value}" for name, value in constants.items()]
    objects = []
    for suffix, real, is_double in _KINDS:
        output = scratch / f"{suffix}.o"
        names = (f"-DREAL={real}", f"-DREAL_IS_DOUBLE={is_double}", f"-DNAME(x)=lrs_##x##_{suffix}")
        of_cell = (f'-DCELL="{header}"', *known)
        source = ("-c", str(SOURCE), "-o", str(output))
        _call([compiler, *_FLAGS, "-fopenmp", *names, *of_cell, *source])
        objects.append(str(output))
    shared = scratch / "scan.so"
    _call([compiler, "-shared", *objects, "-o", str(shared), "-lm"])
    if not shared.is_file():
        raise OSError("it reports no error and has written nothing")
    return shared


def _call(command: list[str]) -> str:
    """What a command prints; its language and letters are whatever they are."""
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=_PATIENCE,
    )
    return done.stdout


def _fingerprint(compiler: str, header: Path, constants: dict[str, int]) -> str:
    texts = (path.read_text(encoding="utf-8") for path in _sources(header))
    what = (repr(_FLAGS), repr(constants), _version(compiler), _processor())
    return hashlib.sha256("\0".join((*texts, *what)).encode()).hexdigest()[:16]


@lru_cache
def _version(compiler: str) -> str:
    """The first line that it says of itself."""
    return next(iter(_call([compiler, "--version"]).splitlines()), "no version")


def _sources(header: Path) -> list[Path]:
    """All that goes into the library of a cell."""
    return [SOURCE, *sorted(SOURCE.parent.glob("*.h")), header]


def _processor() -> str:
    """What `-march=native` looks at: the name and the abilities of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.machine()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _private_folder() -> Path:
    """A folder that belongs to this user alone, since what lies there is executed."""
    folder = cache_folder("lrs_kernels")
    # Where anyone may make folders, the one above must be the user's as well.
    above = [temporary_cache()] if folder.parent == temporary_cache() else []
    for place in (*above, folder):
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = place.stat()
        except OSError as error:
            raise _NoCacheError(f"{place} cannot be made ({error.strerror})") from error
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise _NoCacheError(f"{place} must belong to you and be writable by nobody else")
    return folder


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(dir=folder)
    except OSError as error:
        raise _NoCacheError(f"{folder} cannot be written to ({error.strerror})") from error
