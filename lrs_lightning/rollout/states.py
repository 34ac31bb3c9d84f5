"""The state of a policy as arrays, for recording: whatever form it keeps it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError

StateArrays = Mapping[str, NDArray[Any]]
"""Name -> array `(n, ...)`, a row for each environment; an LSTM has `h` and `c`."""


def state_arrays(name: str, policy: Any, state: Any, rows: int) -> StateArrays:
    """Copies of what a policy remembers of `rows` environments.

    A policy that has a method `state_arrays(state)` says so itself. Else a state may be `None`
    (nothing is remembered), an array `(n, ...)`, several of them, or a mapping of names to them.

    Raises:
        ArgumentError: it is something else, or has not one row for each environment.
    """
    offer = getattr(policy, "state_arrays", None)
    arrays = _named(state) if offer is None else offer(state)
    if arrays is None or any(np.shape(a)[:1] != (rows,) for a in arrays.values()):
        raise ArgumentError(
            f"record_states: the state of policy {name!r} is no array with a row for each of "
            f"{rows} environments: give the policy a method state_arrays(state) that returns a "
            "dictionary of such arrays"
        )
    # A policy may write into its state in place.
    return {key: np.array(array) for key, array in arrays.items()}


def state_names(count: int) -> tuple[str, ...]:
    """What the parts of a state are called: `h`, and `c` for a second."""
    return ("h", "c")[:count] if count <= 2 else tuple(f"state_{k}" for k in range(count))


def _named(state: Any) -> StateArrays | None:
    if state is None:
        return {}
    if isinstance(state, np.ndarray):
        return {"h": state}
    if isinstance(state, Mapping):
        return state if all(isinstance(a, np.ndarray) for a in state.values()) else None
    if isinstance(state, tuple | list) and all(isinstance(a, np.ndarray) for a in state):
        return dict(zip(state_names(len(state)), state, strict=True))
    return None
