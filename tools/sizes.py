"""`python -m tools.sizes [FILE ...]`: how much an installation of lock/ downloads, for each system.

uv writes down the wheels that the index has of each locked version, with their sizes; the one that
pip would take on a system is counted. Without words: what `make fit` needs, with and without torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from tools.lock import LOCK

PYTHON = (3, 12)
# System -> its name for uv, and the platforms of its wheels, the most fitting first.
SYSTEMS: dict[str, tuple[str, str]] = {
    "Linux, x86-64": ("x86_64-manylinux_2_28", "x86_64"),
    "Linux, aarch64": ("aarch64-manylinux_2_28", "aarch64"),
    "macOS, Apple silicon": ("aarch64-apple-darwin", "arm64"),
    "Windows, x86-64": ("x86_64-pc-windows-msvc", "amd64"),
}


def platforms(system: str) -> list[str]:
    """The platform tags that wheels for a system may have."""
    machine = SYSTEMS[system][1]
    if system.startswith("Linux"):
        old = ["manylinux2014", "manylinux2010", "manylinux1"]
        names = [f"manylinux_2_{minor}" for minor in range(28, 4, -1)] + old
        return [f"{name}_{machine}" for name in [*names, "linux"]]
    if system.startswith("macOS"):
        versions = [(major, 0) for major in range(15, 10, -1)]
        kinds = [machine, "universal2"]
        return [f"macosx_{a}_{b}_{kind}" for a, b in versions for kind in kinds] + [
            f"macosx_10_{minor}_universal2" for minor in range(16, 8, -1)
        ]
    return [f"win_{machine}"]


def size(wheels: Iterable[dict[str, Any]], system: str) -> int:
    """Bytes of the wheel that fits a system best.

    Raises:
        ValueError: none does.
    """
    places = platforms(system)
    order: list[Tag] = [
        *cpython_tags(PYTHON, platforms=places),
        *compatible_tags(PYTHON, "cp312", places),
    ]
    rank = {tag: place for place, tag in enumerate(order)}
    fitting = []
    for wheel in wheels:
        tags = parse_wheel_filename(wheel["url"].rpartition("/")[2].replace("%2B", "+"))[3]
        if found := [rank[tag] for tag in tags if tag in rank]:
            fitting.append((min(found), wheel["size"]))
    if not fitting:
        raise ValueError(f"no wheel for {system}")
    return int(min(fitting)[1])


def sizes(files: Sequence[Path], system: str) -> dict[str, int]:
    """Package -> bytes of its wheel."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pylock.toml"
        uv = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet", "--no-deps"]
        uv += ["--format", "pylock.toml", "--python-version", ".".join(map(str, PYTHON))]
        uv += ["--python-platform", SYSTEMS[system][0], "--output-file", str(out)]
        # torch has wheels from macOS 14 on; uv takes 13 where it is not told.
        environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
        subprocess.run([*uv, *map(str, files)], check=True, env=environment)
        found = tomllib.loads(out.read_text(encoding="utf-8"))["packages"]
    return {package["name"]: size(package["wheels"], system) for package in found}


def main(names: Sequence[str]) -> None:
    """Print a line for each system."""
    files = [LOCK / name for name in names or ("torch.txt", "fit.txt")]
    for system in SYSTEMS:
        found = sizes(files, system)
        torch = found.pop("torch", 0)
        cuda = sum(n for name, n in found.items() if name.startswith(("nvidia", "cuda", "triton")))
        rest = sum(found.values()) - cuda
        whole = f"{(torch + cuda + rest) / 1e6:,.0f} MB in {len(found) + (torch > 0)} wheels"
        parts = {"torch": torch, "CUDA and Triton": cuda, "all others": rest}
        print(f"{system}: {whole}:", ", ".join(f"{n} {b / 1e6:,.0f}" for n, b in parts.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
