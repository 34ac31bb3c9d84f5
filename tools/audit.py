"""`python -m tools.audit`: ask pip-audit for known vulnerabilities of all that lock/ pins.

A service that answers "never heard of it" makes pip-audit pass over a package and report none; here
whatever could not be asked about is a failure, and so is a service that cannot be reached.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.lock import LOCK, ROOT

# What torch-cpu.txt pins is the version in torch.txt, and advisories name no builds.
FILES = sorted(file for file in LOCK.glob("*.txt") if file.stem != "torch-cpu")
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2  # exit codes


class NoAnswerError(Exception):
    """The sentence says why nothing is known of what is locked."""


def ask(file: Path, arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What pip-audit says of each package of a lock file, by its name, with its `vulns`.

    Raises:
        NoAnswerError: the service cannot be reached, or does not know some of the packages.
    """
    words: list[str | Path] = [Path(sys.executable).parent / "pip-audit", "--format", "json"]
    words += ["--progress-spinner", "off", "--disable-pip", "--require-hashes", *arguments]
    done = subprocess.run([*words, "--requirement", file], cwd=ROOT, capture_output=True, text=True)
    return answer(file.name, done.stdout, done.stderr)


def answer(name: str, stdout: str, stderr: str) -> list[dict[str, Any]]:
    """What `ask` gives, of what pip-audit wrote about the lock file of that name."""
    try:
        packages: list[dict[str, Any]] = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = (stderr.strip() or "pip-audit said nothing").splitlines()[-1]
        raise NoAnswerError(f"the advisories of {name} could not be asked for: {said}") from None
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown or not packages:
        raise NoAnswerError(
            f"the advisory service answers nothing of {len(unknown)} of {len(packages)} packages of"
            f" {name} ({', '.join(unknown[:3])}): ask again where it can be reached"
        )
    return packages


def _finding(package: Mapping[str, Any], vulnerability: Mapping[str, Any]) -> str:
    mended = ", ".join(vulnerability["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {mended}"


def main(arguments: Sequence[str]) -> int:
    """Ask about each file, print what is found, and return the exit code."""
    packages: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        for file in FILES:
            packages |= {(p["name"], p["version"]): p for p in ask(file, arguments)}
    except NoAnswerError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNKNOWN
    found = [_finding(p, v) for p in packages.values() for v in p["vulns"]]
    print("\n".join(found) or f"no known vulnerability in {len(packages)} packages")
    return VULNERABLE if found else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
