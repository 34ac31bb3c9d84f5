"""Activations of feed-forward experts in NumPy, by the name that torch gives their class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

Array = NDArray[Any]


def _sigmoid(x: Array) -> Array:
    # Through tanh, which saturates where exp would overflow.
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "elu": _elu,
    "identity": lambda x: x,
    "leakyrelu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, np.zeros((), x.dtype)),
    "tanh": np.tanh,
}
"""All with torch's default options; names in lower case."""


def find_activation(name: str) -> Callable[[Array], Array]:
    """The function of that name.

    Raises:
        DataError: it is none of `ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise DataError(
            f"the activation is {name!r}, and only {', '.join(sorted(ACTIVATIONS))} are read"
        )
    return ACTIVATIONS[name]
