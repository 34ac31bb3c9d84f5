"""One-sentence errors for the arguments of this room: which one, what it was, what it may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from lrs_lightning.errors import ArgumentError, UnknownNameError


def positive(name: str, value: int) -> None:
    """Refuse what is no whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} is {value!r}: give a whole number of at least 1.")


def flag(name: str, value: bool) -> None:
    """Refuse what is neither True nor False: `"False"` would be taken for yes."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} is {value!r}: give True or False.")


def choice(kind: str, value: str, known: Iterable[str]) -> None:
    """Refuse a name that is not known, and offer the nearest."""
    names = list(known)
    if value not in names:
        raise UnknownNameError(kind, str(value), names)


def rank(value: int | None, limit: int, name: str = "rank") -> None:
    """Refuse a rank outside 1 ... limit; None stands for a dense matrix."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise ArgumentError(
            f"{name} is {value!r}: give a whole number from 1 to {limit} (the smaller side of the "
            "recurrent matrix), or None for a dense matrix."
        )


def fraction(name: str, value: float) -> None:
    """Refuse what lies outside [0, 1); NaN lies outside too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ArgumentError(
            f"{name} is {value!r}: give the fraction of zeros, at least 0 and below 1."
        )


def probability(name: str, value: float) -> None:
    """Refuse what lies outside [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ArgumentError(f"{name} is {value!r}: give a probability from 0 to 1.")


def not_negative(name: str, value: int) -> None:
    """Refuse what is no whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError(f"{name} is {value!r}: give a whole number of at least 0.")


def seed(name: str, value: int) -> None:
    """Refuse what is no seed, a whole number of at least 0."""
    not_negative(name, value)


def projection(proj_size: int, hidden_size: int, layer: str, projects: bool) -> None:
    """Refuse a projection that the layer does not have, or that is no smaller than its state."""
    if proj_size and not projects:
        raise ArgumentError(
            f"proj_size is {proj_size!r}, but {layer} has no projection: leave it at 0, or use "
            "LRSLSTM."
        )
    whole = isinstance(proj_size, int) and not isinstance(proj_size, bool)
    if not whole or not 0 <= proj_size < hidden_size:
        raise ArgumentError(
            f"proj_size is {proj_size!r}: give 0 for none, or a whole number below "
            f"hidden_size = {hidden_size}."
        )


def tensor(name: str, value: object) -> None:
    """Refuse what is no tensor; None stands for an argument that was left out."""
    if value is not None and not isinstance(value, Tensor):
        raise ArgumentError(
            f"{name} is a {type(value).__name__}: give a torch.Tensor, e.g. by torch.as_tensor."
        )


def shape(name: str, tensor: Tensor, expected: Sequence[int], meaning: str) -> None:
    """Refuse a tensor of another shape; `meaning` names the letters, e.g. `"(layers, B, H)"`."""
    if tuple(tensor.shape) != tuple(expected):
        raise ArgumentError(
            f"{name} has shape {tuple(tensor.shape)}, expected {tuple(expected)}, "
            f"that is {meaning}."
        )


def not_tracing(layer: object) -> None:
    """Refuse `torch.jit.trace`, which would keep the number of steps that it saw."""
    if not torch.compiler.is_compiling() and torch._C._get_tracing_state() is not None:
        raise ArgumentError(
            f"torch.jit.trace of {type(layer).__name__} would fix the length of its sequences: use "
            "torch.export with a dynamic number of steps."
        )


def timespans(values: Tensor) -> None:
    """Refuse elapsed times that are negative or NaN.

    Looking at values needs them on the host; while a graph is being captured there are none.
    """
    if torch.compiler.is_compiling() or values.is_meta:
        return
    if values.is_cuda and torch.cuda.is_current_stream_capturing():
        return
    if bool((values >= 0).all()):
        return
    what = "NaN" if bool(values.isnan().any()) else "a negative number"
    raise ArgumentError(
        f"timespans of shape {tuple(values.shape)} holds {what}: give elapsed times of at least 0."
    )
