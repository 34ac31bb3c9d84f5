"""Compiles `scan.c` once per machine and cell and loads it; no compiler, no library, and a reason.

A library goes into a private folder of the user's cache, under a name that depends on source,
flags, compiler and processor, so that a shared home never hands one machine the code of another.
OpenMP is left unresolved at link time on purpose: PyTorch has its own copy of the runtime in the
process already, and a second one would fight it for the cores.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from lrs_kernels.cache import cache_folder
from lrs_kernels.cell import Cell

SOURCE = Path(__file__).with_name("scan.c")
DISABLED = "LRS_KERNELS_NATIVE"
"""Set this environment variable to 0 and nothing is compiled."""

_FLAGS = (
    "-std=gnu11", "-O3", "-march=native", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
_KINDS = (("f32", "float", 0), ("f64", "double", 1))


class Library(NamedTuple):
    """The loaded library, or why there is none."""

    functions: ctypes.CDLL | None
    reason: str


@lru_cache
def load_library(cell: Cell) -> Library:
    """Compile the scan of a cell if need be, load, and remember."""
    if os.environ.get(DISABLED) == "0":
        return Library(None, f"{DISABLED}=0")
    if cell.native is None:
        return Library(None, f"the cell {cell.name!r} has no steps in C")
    compiler = _compiler()
    if compiler is None:
        return Library(None, "no C compiler (cc, gcc or clang) was found")
    try:
        functions = ctypes.CDLL(str(_built(compiler, cell.native, _constants(cell))))
        _keep_freed_memory()
        return Library(functions, f"compiled by {compiler}")
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        return Library(None, f"{compiler} failed: {said[0] if said else error.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Library(None, f"the compiled library cannot be used: {error}")


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


def _compiler() -> str | None:
    if platform.system() != "Linux":
        return None
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    return None


def _built(compiler: str, header: Path, constants: dict[str, int]) -> Path:
    """Path of the library, compiled now if it is not there."""
    folder = _private_folder()
    target = folder / f"{header.stem}-{_fingerprint(compiler, header, constants)}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            finished = _compile(compiler, header, constants, Path(scratch))
            # Another process may have been faster; both made the same file.
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
    return shared


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def _fingerprint(compiler: str, header: Path, constants: dict[str, int]) -> str:
    texts = (path.read_text() for path in _sources(header))
    what = (repr(_FLAGS), repr(constants), _call([compiler, "--version"]), _processor())
    return hashlib.sha256("\0".join((*texts, *what)).encode()).hexdigest()[:16]


def _sources(header: Path) -> list[Path]:
    """All that goes into the library of a cell."""
    return [SOURCE, *sorted(SOURCE.parent.glob("*.h")), header]


def _processor() -> str:
    """What `-march=native` looks at: the name and the abilities of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _private_folder() -> Path:
    """A folder that belongs to this user alone, since what lies there is executed."""
    folder = cache_folder("lrs_kernels")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} must belong to you and be writable by nobody else")
    return folder
