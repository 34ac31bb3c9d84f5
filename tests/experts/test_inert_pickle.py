"""Numbers come out of a pickle as they went in; all else is kept as a name, and refused as one."""

from __future__ import annotations

import decimal
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.experts.inert_pickle import Record, array_of, read_inert

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = {
    "double": np.array([0.1, -2.0, np.inf]),
    "single": np.array([[0.5, 2.0], [1e-3, 7.0], [0.0, -1.0]], np.float32),
    "long": np.arange(-3, 3, dtype=np.int64),
    "int": np.array([[-1], [2**31 - 1]], np.int32),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "of no axis": np.array(3.5),
    "scalar": np.float64(2.5),
    "single scalar": np.float32(2.5),
    "Python's int": 7,
    "Python's float": 0.1,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_numbers_are_read_to_the_last_bit(name: str, protocol: int) -> None:
    found = array_of(read_inert(pickle.dumps(ARRAYS[name], protocol=protocol)))
    assert found.dtype == np.float64 and found.shape == np.shape(ARRAYS[name])
    np.testing.assert_array_equal(found, ARRAYS[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.arange(3, dtype=">f8"), "another kind than little-endian numbers"),
        (np.arange(3, dtype=np.float16), "another kind than little-endian numbers"),
        (np.array([True]), "another kind than little-endian numbers"),
        (np.array(["a"]), "another kind than little-endian numbers"),
        (np.array([None]), "another kind than little-endian numbers"),
        ("text", "it has a str where an array is expected"),
        (None, "it has a NoneType where an array is expected"),
        ([1.0], "it has a list where an array is expected"),
        (decimal.Decimal(1), "it has a decimal.Decimal where an array is expected"),
    ],
)
def test_what_is_no_array_of_numbers_is_told(value: Any, sentence: str, protocol: int) -> None:
    with pytest.raises(DataError, match=sentence):
        array_of(read_inert(pickle.dumps(value, protocol=protocol)))


def array(
    raw: Any = bytes(16), kind: str = "f8", shape: Any = (2,), order: str = "C", named: str = ""
) -> Record:
    """The record of an array as protocol 5 has it."""
    dtype = Record(kind, False, True)
    dtype.state = (3, "<", None, None, None, -1, -1, 0)
    path = named or "numpy._core.numeric._frombuffer"
    record: Record = type("Record", (Record,), {"path": path})(raw, dtype, shape, order)
    return record


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (array(bytes(15)), r"an array of shape \(2,\) with 15 bytes"),
        (array(shape=(3,)), r"an array of shape \(3,\) with 16 bytes"),
        (array(kind="f4"), r"an array of shape \(2,\) with 16 bytes"),
        (array(shape=(-2,)), "an array without a shape"),
        (array(shape=[2]), "an array without a shape"),
        (array(shape=(2.0,)), "an array without a shape"),
        (array(raw="text"), "another kind than"),
        (array(kind="c16"), "another kind than"),
        (array(named="numpy._core.numeric.frombuffer_"), "it has a numpy._core.numeric.frombuffer"),
        (array(named="numpy.core.multiarray._reconstruct"), "where an array is expected"),
        (array(named="numpy.core.multiarray.scalar"), "where an array is expected"),
    ],
)
def test_records_that_were_forged_are_told(record: Record, sentence: str) -> None:
    np.testing.assert_array_equal(array_of(array()), [0, 0])
    with pytest.raises(DataError, match=sentence):
        array_of(record)


def test_what_a_pickle_names_is_kept_by_its_name() -> None:
    found = read_inert(
        pickle.dumps({"kept": 1, "made": OrderedDict(a=2), "class": decimal.Decimal})
    )
    assert found["kept"] == 1
    assert isinstance(found["made"], Record) and found["made"].path == "collections.OrderedDict"
    assert issubclass(found["class"], Record) and found["class"].path == "decimal.Decimal"
    number = read_inert(pickle.dumps(decimal.Decimal("1.5")))
    assert number.arguments == ("1.5",) and number.state is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "EOFError"),
        (b"Pmine\n.", "UnpicklingError: it refers to objects outside the file"),
        (pickle.dumps([1, 2])[:-1], "it is no whole pickle"),
    ],
)
def test_damage_is_told(content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_inert(content)
