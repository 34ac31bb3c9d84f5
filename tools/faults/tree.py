"""A copy of the working tree, in which faults are put and tests are run."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Neither needed by tests nor small.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "runs", "*.egg-info"
)
_MEMORY = 8 * 2**30  # bytes: a fault that never stops must not take all of the machine's
# Set before anything heavy is imported, as `tests/conftest.py` does.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MUJOCO_GL": "egl", "MPLBACKEND": "agg"}


@dataclass(frozen=True)
class Tree:
    """A copy at `folder/tree`; whatever its tests write goes to `folder/scratch`."""

    folder: Path
    original: Path

    @classmethod
    def copy(cls, original: Path, folder: Path) -> Tree:
        """Copy the working tree `original` as it is; what was at `folder` goes."""
        shutil.rmtree(folder, ignore_errors=True)
        tree = cls(folder.resolve(), original.resolve())
        shutil.copytree(original, tree.root, ignore=_LEFT_OUT, symlinks=True)
        beside = tree.original.parent / "shared"
        if beside.is_dir():  # tests look for data of third parties there
            (tree.folder / "shared").symlink_to(beside)
        tree.cache.mkdir(exist_ok=True)
        return tree

    @property
    def root(self) -> Path:
        """The copy itself."""
        return self.folder / "tree"

    @property
    def scratch(self) -> Path:
        """Emptied for every run of tests."""
        return self.folder / "scratch"

    @property
    def cache(self) -> Path:
        """What the tests without a fault have put into the user's cache, for all copies."""
        return self.folder.parent / "cache"

    @contextmanager
    def changed(self, file: str, code: str) -> Iterator[None]:
        """Have `code` in a file of the copy for a while."""
        path = self.root / file
        before = path.read_text()
        path.write_text(code)
        try:
            yield
        finally:
            path.write_text(before)

    def clear(self) -> None:
        """Empty the scratch folder but for the cache, compiled code above all."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        shutil.copytree(self.cache, self.scratch / "cache")

    def keep_cache(self) -> None:
        """Let the runs that follow begin with the cache of this one."""
        shutil.rmtree(self.cache)
        shutil.copytree(self.scratch / "cache", self.cache)

    def enter(self) -> None:
        """Make this process, of which nothing else is asked, one of the copy alone."""
        os.setpgid(0, 0)  # whatever the tests start can be ended with it
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        os.chdir(self.root)
        paths = [str(self.root), str(self.root / "kernels")]
        sys.path[:] = paths + [path for path in sys.path if not self._is_original(path)]
        # A file that is changed twice in a second would be taken from its cached bytecode.
        sys.dont_write_bytecode = True
        os.environ |= ENVIRONMENT | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.scratch),
            "XDG_CACHE_HOME": str(self.scratch / "cache"),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.scratch / "hypothesis"),
        }
        with open(os.devnull, "r+b") as null:
            for stream in range(3):
                os.dup2(null.fileno(), stream)

    def _is_original(self, path: str) -> bool:
        place = Path(path or ".").resolve()
        return place in (self.original, self.original / "kernels")
