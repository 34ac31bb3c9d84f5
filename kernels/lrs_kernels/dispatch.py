"""Which backend runs a scan, and why. Nothing falls back in silence: every choice is logged once.

| backend | runs | where |
|---|---|---|
| `triton` | whole sequence in one launch | CUDA devices, where Triton is installed |
| `native` | whole sequence in one call of compiled C | CPUs, where there is a C compiler |
| `cpu` | loop of few large PyTorch calls, backward by hand | anywhere |
| `reference` | plain loop through autograd | anywhere; slow, differentiable twice |
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from functools import lru_cache
from typing import NamedTuple, cast

from lrs_kernels.native.build import load_library
from lrs_kernels.passes import Backend

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
def choose(backend: str, cell: str, variant: str, device_type: str) -> Choice:
    """Pick the backend of a scan and log the choice, once for every kind of scan.

    Args:
        backend: `auto`, or the name of the one that is wanted.
        cell: `cfc`, `lstm`, `gru` or `rnn`.
        variant: mode or nonlinearity of the cell.
        device_type: where the inputs are.

    Raises:
        ValueError: if the backend is unknown or cannot run this scan.

    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}, expected one of {', '.join(BACKENDS)}")
    choice = _decide(backend, cell, variant, device_type)
    logger.info("%s scan on %s runs on %r: %s", cell, device_type, *choice)
    return choice


def _decide(backend: str, cell: str, variant: str, device_type: str) -> Choice:
    by_hand = variant != "pure"
    obstacle = _obstacle_to_triton(variant, device_type)
    if backend == "triton":
        if obstacle is not None:
            raise ValueError(f"backend 'triton' cannot run this {cell} scan: {obstacle}")
        return Choice("triton", "asked for")
    if backend in ("cpu", "native") and not by_hand:
        raise ValueError(f"backend {backend!r} has no CfC of mode 'pure'; pass backend='auto'")
    if backend == "native":
        return _native(device_type)
    if backend != "auto":
        return Choice(backend, "asked for")
    if not by_hand:
        return Choice("reference", "mode 'pure' has no hand-written passes")
    if device_type == "cuda" and obstacle is None:
        return Choice("triton", "inputs are on a GPU")
    if device_type == "cuda":
        return Choice("cpu", f"PyTorch calls step by step, because {obstacle}")
    if device_type == "cpu":
        functions, reason = load_library()
        return Choice("cpu" if functions is None else "native", reason)
    return Choice("cpu", f"inputs are on the device {device_type!r}")


def _native(device_type: str) -> Choice:
    functions, reason = load_library()
    if device_type != "cpu":
        raise ValueError(f"backend 'native' runs on the CPU, but the inputs are on {device_type}")
    if functions is None:
        raise ValueError(f"backend 'native' is not available here: {reason}")
    return Choice("native", "asked for")


def _obstacle_to_triton(variant: str, device_type: str) -> str | None:
    if not has_triton():
        return "Triton is not installed"
    if device_type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"inputs are on the device {device_type!r}, and TRITON_INTERPRET is not 1"
    if variant == "pure":
        return "it has no CfC of mode 'pure'"
    return None


def load(backend: str) -> Backend:
    """The module that runs the passes of a backend."""
    return cast(Backend, importlib.import_module(_MODULES[backend]))


def explain(device_type: str | None = None) -> str:
    """One line per cell: which backend `auto` takes here, and why.

    Args:
        device_type: `cpu` or `cuda`; by default what this machine has.

    """
    if device_type is None:
        import torch

        device_type = "cuda" if torch.cuda.is_available() else "cpu"
    kinds = {"cfc": "default", "lstm": "default", "gru": "default", "rnn": "tanh"}
    chosen = {cell: _decide("auto", cell, variant, device_type) for cell, variant in kinds.items()}
    return "\n".join(
        f"{cell}: {choice.backend} ({choice.reason})" for cell, choice in chosen.items()
    )
