"""`python -m tools.floors lowest|newest FILE`: what tests at one end of the versions need.

`lowest` has the oldest version of everything that pyproject.toml names, and of what these need in
turn the newest that fits; uv finds both. `newest` has the lines as they stand, for pip to take
the newest of each. `make test-lowest` and `make test-newest` install them and run the tests: a
floor that nobody stood on is a guess.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("atari", "export", "onnx", "parquet")
"""`expert` is left out: JAX and some thirty packages, which the tests do without."""
GROUPS = ("test", "editable")


def newest() -> str:
    """The requirements as they are declared."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    words = [*project["project"]["dependencies"]]
    words += [word for extra in EXTRAS for word in extras[extra]]
    words += [word for group in GROUPS for word in groups[group]]
    return "".join(f"{word}\n" for word in dict.fromkeys(words))


def lowest() -> str:
    """The oldest versions that are allowed, for the Python that runs this.

    Raises:
        subprocess.CalledProcessError: if no set of wheels has them all.
    """
    uv = [Path(sys.executable).parent / "uv", "pip", "compile", "--quiet", "pyproject.toml"]
    uv += ["--resolution", "lowest-direct", "--only-binary", ":all:", "--no-header"]
    uv += [word for extra in EXTRAS for word in ("--extra", extra)]
    uv += [word for group in GROUPS for word in ("--group", group)]
    return subprocess.run(uv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    end, file = sys.argv[1:]
    Path(file).write_text({"lowest": lowest, "newest": newest}[end](), encoding="utf-8")
