"""Read the numbers in a pickle without running anything that it names.

A pickle says which callables to import and call. Here every one of them is replaced by a `Record`
that keeps its name and arguments and does nothing, so that nothing is imported and nothing runs;
arrays are then made from the bytes of the records that NumPy would have made them of.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError


class Record:
    """A call that was not made: the callable's name, its arguments, and the state set after it."""

    path = ""

    def __new__(cls, *arguments: Any, **_named: Any) -> Record:
        """Keep the arguments; nothing is called."""
        record = super().__new__(cls)
        record.arguments = arguments
        record.state = None
        return record

    def __init__(self, *arguments: Any, **_named: Any) -> None:
        self.arguments: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """Items of a subclass of list are dropped."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Items of a subclass of dict are dropped."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return type("Record", (Record,), {"path": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def read_inert(content: bytes) -> Any:
    """What a pickle holds: plain values, and a `Record` in place of everything else.

    Raises:
        DataError: it is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"it is no whole pickle ({type(error).__name__}: {error})") from None


def array_of(value: Any) -> NDArray[np.float64]:
    """The float array that a record stands for.

    Raises:
        DataError: it stands for something else.
    """
    if isinstance(value, int | float):
        return np.array(value, np.float64)
    if not isinstance(value, Record):
        raise DataError(f"it has a {type(value).__name__} where an array is expected")
    called = value.path.rpartition(".")[2]
    if called == "_reconstruct" and isinstance(value.state, tuple) and len(value.state) == 5:
        _, shape, dtype, fortran, raw = value.state
        return _decoded(raw, dtype, shape, "F" if fortran else "C")
    if called == "_frombuffer" and len(value.arguments) == 4:
        raw, dtype, shape, order = value.arguments
        return _decoded(raw, dtype, shape, order)
    if called == "scalar" and len(value.arguments) == 2:
        return _decoded(value.arguments[1], value.arguments[0], (), "C")
    raise DataError(f"it has a {value.path} where an array is expected")


def _decoded(raw: Any, dtype: Any, shape: Any, order: Any) -> NDArray[np.float64]:
    if isinstance(raw, Record) and raw.path.endswith("codecs.encode"):
        raw = str(raw.arguments[0]).encode("latin1", "replace")  # how protocol 2 stores bytes
    kind = dtype.arguments[0] if isinstance(dtype, Record) and dtype.arguments else None
    swapped = isinstance(dtype, Record) and isinstance(dtype.state, tuple) and ">" in dtype.state
    sizes = {"f8": 8, "f4": 4, "i8": 8, "i4": 4}
    if kind not in sizes or swapped or not isinstance(raw, bytes | bytearray):
        raise DataError("it has an array of another kind than little-endian numbers")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise DataError("it has an array without a shape")
    if len(raw) != sizes[kind] * math.prod(shape):
        raise DataError(f"it has an array of shape {shape} with {len(raw)} bytes")
    flat = np.frombuffer(raw, f"<{kind}").astype(np.float64)
    return flat.reshape(shape, order="F" if order == "F" else "C")
