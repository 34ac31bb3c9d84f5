"""`python -m tools.lock [--upgrade | --upgrade-package NAME]` writes lock/ and constraints.txt.

Everything is resolved together, once, by uv: for every Python, Linux, macOS and Windows, and from
wheels alone. Each version comes with the SHA-256 of every file that the index has of it. Versions
that still fit stay as they are. `docs/reliability.md` says what this covers.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "lock"
# File -> what is in it, and what it adds to fit.txt: words of uv, extras or dependency groups.
SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fit": ("What `make fit` installs beside torch, and what builds this project", ()),
    "atari": ("What the extra `atari` adds to fit.txt", ("--extra", "atari")),
    "test": (
        "What `make test` adds to fit.txt",
        ("--extra", "atari", "--extra", "export", "--extra", "onnx", "--group", "dev"),
    ),
    "expert": ("What the extra `expert` adds to fit.txt", ("--extra", "expert")),
    "export": ("What the extra `export` adds to fit.txt", ("--extra", "export")),
    "parquet": ("What the extra `parquet` adds to fit.txt", ("--extra", "parquet")),
    "ray": ("What the extra `ray` adds to fit.txt", ("--extra", "ray")),
    "search": ("What the extra `search` adds to fit.txt", ("--extra", "search")),
}
TORCH = "torch of the index, and what its CUDA build alone needs"
# Each resolved alone, for an environment of its own.
APART = {
    "supply": "uv and pip-audit, for `make lock` and `make audit`; in an environment of their own",
    "docs": "What `make docs` builds the site with; in an environment of its own",
}
# The build of torch decides whether these are needed, so they stand apart, in torch.txt.
OF_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
# What uv says of everything, and requires-python too.
BOUND = re.compile(r" ; python_full_version < '3\.14'(?= \\)|python_full_version < '3\.14' and ")
WRITTEN = "# Written by `make lock`; docs/reliability.md says what it covers."
CONSTRAINTS = """\
# Versions known to work together, for an environment of yours: install with -c constraints.txt.
# Written by `make lock` from lock/, which has the hashes too, and the packages of CUDA.
"""
Blocks = dict[str, str]  # name -> its lines: name==version, perhaps a marker, and its hashes


def read(text: str) -> Blocks:
    """The requirements of a lock file, without its comments.

    Raises:
        ValueError: a package stands there twice, which would be two versions for two platforms.
    """
    blocks: Blocks = {}
    for block in re.split(r"\n(?=\S)", text):
        if match := re.match(r"([A-Za-z0-9._-]+)==", block):
            if match[1] in blocks:
                raise ValueError(f"{match[1]} stands there twice: constrain it to one version")
            blocks[match[1]] = block.rstrip() + "\n"
    return blocks


def version(block: str) -> str:
    """`1.2` of the block of a package at that version."""
    return block.split("==", 1)[1].split()[0]


def compiled(words: Sequence[str | Path], kept: str = "") -> Blocks:
    """What uv makes of the words; versions of the lock `kept` stay where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock.txt"
        out.write_text(kept, encoding="utf-8")
        uv = [Path(sys.executable).parent / "uv", "pip", "compile", "--universal", "--quiet"]
        uv += ["--python-version", "3.11", "--generate-hashes", "--only-binary", ":all:"]
        uv += ["--fork-strategy", "fewest", "--no-annotate", "--no-header"]
        subprocess.run([*uv, *words, "--output-file", out], cwd=ROOT, check=True)
        return read(BOUND.sub("", out.read_text(encoding="utf-8")))


def together(upgrades: Sequence[str], build: Path) -> Blocks:
    """Every package of every extra: one version each."""
    files = [LOCK / f"{name}.txt" for name in ("torch", *SETS)]
    kept = {n: b for file in files if file.exists() for n, b in read(file.read_text()).items()}
    words = ["pyproject.toml", build, "--all-extras", "--group", "dev", *upgrades]
    return compiled(words, "".join(kept.values()))


def parts(whole: Blocks, build: Path, pins: Path) -> dict[str, Blocks]:
    """File of lock/ -> its share of the whole."""
    pins.write_text("".join(f"{n}=={version(b)}\n" for n, b in whole.items()), encoding="utf-8")
    shares = {"torch": {n: b for n, b in whole.items() if OF_TORCH.fullmatch(n)}}
    for name, (_, words) in SETS.items():
        found = compiled(["pyproject.toml", build, "--constraints", pins, *words])
        apart = {n for n in found if OF_TORCH.fullmatch(n)}
        if "dev" in words:
            apart.remove(
                "triton"
            )  # the tests need it beside a CPU build, which does not ask for it
        there = shares.get("fit", {})
        shares[name] = {n: b for n, b in found.items() if n not in apart and n not in there}
    return shares


def constraints(whole: Blocks) -> str:
    """The text of constraints.txt: versions alone, without what torch's CUDA build pins itself."""
    cuda = {n for n in whole if OF_TORCH.fullmatch(n)} - {"torch", "triton"}
    return CONSTRAINTS + "".join(f"{n}=={version(whole[n])}\n" for n in sorted(set(whole) - cuda))


def main(upgrades: Sequence[str]) -> None:
    """Resolve and write all files but torch-cpu.txt, which has the hashes of another index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requires = project["build-system"]["requires"] + project["dependency-groups"]["editable"]
    with tempfile.TemporaryDirectory() as folder:
        build, pins = Path(folder) / "build.in", Path(folder) / "pins.txt"
        build.write_text("\n".join(requires), encoding="utf-8")
        whole = together(upgrades, build)
        shares = parts(whole, build, pins)
    for group in APART:
        old = LOCK / f"{group}.txt"
        kept = old.read_text(encoding="utf-8") if old.exists() else ""
        shares[group] = compiled(["--group", group, *upgrades], kept)
    titles = {"torch": TORCH, **APART} | {name: title for name, (title, _) in SETS.items()}
    for name, blocks in shares.items():
        text = f"# {titles[name]}.\n{WRITTEN}\n{''.join(blocks.values())}"
        (LOCK / f"{name}.txt").write_text(text, encoding="utf-8")
    (ROOT / "constraints.txt").write_text(constraints(whole), encoding="utf-8")
    cpu = version(read((LOCK / "torch-cpu.txt").read_text(encoding="utf-8"))["torch"])
    if cpu != f"{version(whole['torch'])}+cpu":
        sys.exit(f"lock/torch-cpu.txt is of {cpu}: write the new version and its hashes into it")


if __name__ == "__main__":
    main(sys.argv[1:])
