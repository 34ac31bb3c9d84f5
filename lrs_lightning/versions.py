"""Versions of what decides a number: Python, this package, and those it computes with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import lrs_lightning

PACKAGES = ("torch", "triton", "lightning", "gymnasium", "mujoco", "ale-py", "numpy")


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions by name; packages that are not installed are left out."""
    found = {"python": platform.python_version(), "lrs_lightning": lrs_lightning.__version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
