"""Which backend runs a scan, and why. Nothing falls back in silence: every choice is logged once.

| backend | runs | where |
|---|---|---|
| `triton` | whole sequence in one launch | CUDA devices, where Triton is installed |
| `native` | whole sequence in one call of compiled C | CPUs, where there is a C compiler |
| `cpu` | loop of few large PyTorch calls, backward by hand | anywhere |
| `reference` | plain loop through autograd | anywhere; slow, differentiable twice |

A cell has the first three as its descriptor says, and the last one always.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, cast

import torch

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library
from lrs_kernels.passes import Backend
from lrs_kernels.registry import cells
from lrs_kernels.triton import device

logger = logging.getLogger("lrs_kernels")

BACKENDS = ("auto", "triton", "native", "cpu", "reference")

_MODULES = {
    "cpu": "lrs_kernels.cpu",
    "native": "lrs_kernels.native.scan",
    "triton": "lrs_kernels.triton_backend",
}


class Choice(NamedTuple):
    """A backend and the reason for it."""

    backend: str
    reason: str


@lru_cache
def has_triton() -> bool:
    """Whether Triton is installed; it is not imported to find out."""
    return importlib.util.find_spec("triton") is not None


@lru_cache(maxsize=256)
def choose(backend: str, cell: Cell, variant: str, device_type: str) -> Choice:
    """Pick the backend of a scan and log the choice, once for every kind of scan.

    Args:
        backend: `auto`, or the name of the one that is wanted.
        cell: descriptor of the cell.
        variant: one of its variants.
        device_type: where the inputs are.

    Raises:
        ValueError: if the backend is unknown or cannot run this scan.

    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}, expected one of {', '.join(BACKENDS)}")
    choice = _decide(backend, cell, variant, device_type)
    logger.info("%s scan on %s runs on %r: %s", cell.name, device_type, *choice)
    return choice


def reference_alone(backend: str, cell: Cell, variant: str) -> bool:
    """Whether the reference runs wherever the inputs are: asked for, or because nothing else can.

    Raises:
        ValueError: if it is not what is asked for.

    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}, expected one of {', '.join(BACKENDS)}")
    missing = _not_by_hand(cell, variant)
    if missing is not None and backend not in ("auto", "reference"):
        raise ValueError(_refusal(backend, cell, missing))
    return missing is not None or backend == "reference"


def _refusal(backend: str, cell: Cell, obstacle: str) -> str:
    return (
        f"backend {backend!r} cannot run this {cell.name} scan: {obstacle}; "
        "pass backend='auto' or 'reference'"
    )


def _decide(backend: str, cell: Cell, variant: str, device_type: str) -> Choice:
    if backend == "auto":
        return _best(cell, variant, device_type)
    obstacle = _obstacle(backend, cell, variant, device_type)
    if obstacle is not None:
        raise ValueError(_refusal(backend, cell, obstacle))
    return Choice(backend, "asked for")


def _best(cell: Cell, variant: str, device_type: str) -> Choice:
    """The fastest backend that nothing stands in the way of."""
    missing = _not_by_hand(cell, variant)
    if missing is not None:
        return Choice("reference", missing)
    candidates = {"cuda": ("triton", "cpu"), "cpu": ("native", "cpu")}.get(device_type, ("cpu",))
    obstacles: list[str] = []
    for backend in candidates:
        obstacle = _obstacle(backend, cell, variant, device_type)
        if obstacle is None:
            return Choice(backend, "; ".join(obstacles) or _merit(backend, cell, device_type))
        obstacles.append(f"not on {backend!r}, because {obstacle}")
    return Choice("reference", "; ".join(obstacles))


def _merit(backend: str, cell: Cell, device_type: str) -> str:
    """Why the first candidate was taken."""
    if backend == "native":
        return load_library(cell).reason
    if backend == "triton":
        told = f"inputs are on a GPU; one launch for a sequence up to {_reach(cell)}"
        return f"{told}; Triton {_version_of_triton()}"
    return f"inputs are on {device_type!r}"


def _version_of_triton() -> str:
    try:
        return version("triton")
    except PackageNotFoundError:  # a build of its own name
        return "of a version that is not told"


def _reach(cell: Cell) -> str:
    """Up to which hidden sizes a sequence takes one launch on the current GPU, by precision."""
    from lrs_kernels.triton.cells import kernel_cell
    from lrs_kernels.triton.config import reach

    variant, form = next(iter(cell.variants.items()))
    kernels = kernel_cell(cell, variant, form.gates[0])
    sizes = reach(kernels, device.limits_of(torch.device("cuda")))
    return ", ".join(f"H = {size} in {name}" for name, size in sizes.items() if size)


def _not_by_hand(cell: Cell, variant: str) -> str | None:
    """Why no backend but the reference can run a variant, or None."""
    if cell.cpu is None and cell.native is None and cell.triton is None:
        return "the cell has no hand-written passes"
    if not cell.variants[variant].by_hand:
        return f"the variant {variant!r} has no hand-written passes"
    return None


def _obstacle(backend: str, cell: Cell, variant: str, device_type: str) -> str | None:
    """Why a backend cannot run a scan, or None."""
    if backend == "reference":
        return None
    missing = _not_by_hand(cell, variant)
    if missing is not None:
        return missing
    if getattr(cell, backend) is None:
        return f"the cell has no passes for {backend!r}"
    if backend == "triton":
        return _obstacle_to_triton(device_type)
    return _obstacle_to_native(cell, device_type) if backend == "native" else None


def _obstacle_to_native(cell: Cell, device_type: str) -> str | None:
    if device_type != "cpu":
        return f"it runs on the CPU, but the inputs are on {device_type}"
    functions, reason = load_library(cell)
    return reason if functions is None else None


def _obstacle_to_triton(device_type: str) -> str | None:
    if os.environ.get("LRS_KERNELS_TRITON") == "0":
        return "LRS_KERNELS_TRITON is 0"
    if not has_triton():
        return "Triton is not installed"
    if device_type == "cuda" and (found := device.obstacle()) is not None:
        return found
    if device_type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"inputs are on the device {device_type!r}, and TRITON_INTERPRET is not 1"
    return None


@lru_cache
def load(backend: str) -> Backend:
    """The module that runs the passes of a backend."""
    return cast(Backend, importlib.import_module(_MODULES[backend]))


def explain(device_type: str | None = None) -> str:
    """One line per registered cell: which backend `auto` takes here, and why.

    Variants that take another backend than the first one of their cell have lines of their own.

    Args:
        device_type: `cpu` or `cuda`; by default what this machine has.

    """
    if device_type is None:
        device_type = "cuda" if torch.cuda.is_available() else "cpu"
    lines = []
    for name, cell in cells().items():
        usual, *others = ((variant, _best(cell, variant, device_type)) for variant in cell.variants)
        chosen = {name: usual[1]} | {
            f"{name} {variant}": choice for variant, choice in others if choice != usual[1]
        }
        lines += [f"{what}: {choice.backend} ({choice.reason})" for what, choice in chosen.items()]
    return "\n".join(lines)
