"""Arrays of somebody else's file are read where they are plain, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lrs_lightning.data.stored_array import find_array, holds
from lrs_lightning.errors import DataError


@pytest.fixture
def file(tmp_path: Path) -> Any:
    with h5py.File(tmp_path / "a.h5", "w") as made:
        made.create_group("a/group")
        made["a/plain"] = np.arange(6.0).reshape(3, 2)
        yield made


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u1", "u8", "?", ">f4"])
@pytest.mark.parametrize("filters", [{}, {"compression": "gzip", "shuffle": True,
                                          "fletcher32": True}])  # fmt: skip
def test_plain_numbers_are_found(file: Any, dtype: str, filters: Any) -> None:
    file.create_dataset("a/x", data=np.ones((3, 2)).astype(dtype), **filters)
    found = find_array(file, "a/x")
    assert found.name == "/a/x" and found.dtype == np.dtype(dtype) and found.shape == (3, 2)


def test_what_is_there(file: Any) -> None:
    assert holds(file, "a/plain") and holds(file, "a/group")
    assert not holds(file, "a/absent") and not holds(file, "a/plain/x")
    file["a/dangling"] = h5py.SoftLink("/nowhere")
    assert holds(file, "a/dangling")
    for place in ("b/x", "a/absent/x"):
        with pytest.raises(KeyError):
            holds(file, place)
    for place in ("a/absent", "b/x", "a/plain/x"):
        with pytest.raises(KeyError):
            find_array(file, place)
    with pytest.raises(DataError, match="a/group is a group, expected an array"):
        find_array(file, "a/group")


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/a/plain"), h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/b")]
)
def test_links_are_not_followed(file: Any, link: Any) -> None:
    file["a/link"] = link
    file["linked"] = h5py.SoftLink("/a")
    for place in ("a/link", "linked/plain"):
        with pytest.raises(DataError, match=f"{place} is a link to somewhere else"):
            find_array(file, place)


def test_numbers_of_other_files_are_not_read(file: Any, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (6,))
    file.create_virtual_dataset("a/virtual", layout)
    (tmp_path / "raw").write_bytes(bytes(48))
    file.create_dataset("a/raw", (6,), "f8", external=[(str(tmp_path / "raw"), 0, 48)])
    for place in ("a/virtual", "a/raw"):
        with pytest.raises(DataError, match=f"{place} takes its numbers from other files"):
            find_array(file, place)


def test_other_filters_are_not_asked_for(file: Any) -> None:
    file.create_dataset("a/x", data=np.ones(3), compression="lzf")
    with pytest.raises(DataError, match="compressed with filter 32000, expected gzip alone"):
        find_array(file, "a/x")
    file.create_dataset("a/y", data=np.ones(3, int), scaleoffset=4)
    with pytest.raises(DataError, match="compressed with filter 6, expected gzip alone"):
        find_array(file, "a/y")


LONG = np.dtype(np.longdouble)  # no longer than a double on some machines


@pytest.mark.parametrize(
    "dtype",
    [
        *("c16", "S4", [("a", "f8")], np.dtype(("f8", (2,))), h5py.string_dtype()),
        *([LONG] if LONG.itemsize > 8 else []),
    ],
    ids=str,
)
def test_other_things_than_numbers_are_told(file: Any, dtype: Any) -> None:
    file.create_dataset("a/x", (3,), dtype)
    with pytest.raises(DataError, match="a/x is of type .*, expected numbers"):
        find_array(file, "a/x")


def test_single_numbers_are_no_array_of_steps(file: Any) -> None:
    file["a/x"] = 3.0
    file["a/nothing"] = h5py.Empty("f8")
    for place in ("a/x", "a/nothing"):
        with pytest.raises(DataError, match=f"{place} is no array of steps"):
            find_array(file, place)


def test_a_claim_may_be_so_much_larger_than_what_is_stored(file: Any) -> None:
    """Deflate makes at most 1,032 bytes of one; an array that is empty may claim 64 KiB."""
    file.create_dataset("a/empty", (1 << 16,), "u1", chunks=(1 << 10,))
    find_array(file, "a/empty")
    file.create_dataset("a/bomb", ((1 << 16) + 1,), "u1", chunks=(1 << 10,))
    with pytest.raises(DataError, match="a/bomb of shape .* claims 65,537 bytes and 0 are stored"):
        find_array(file, "a/bomb")
    file.create_dataset("a/chunk", (1,), "u2", chunks=((1 << 15) + 1,), maxshape=(None,))
    with pytest.raises(DataError, match="a/chunk .* claims 65,538 bytes and 0 are stored"):
        find_array(file, "a/chunk")
    file.create_dataset("a/zeros", data=np.zeros(1 << 24, "u1"), compression="gzip",
                        compression_opts=9)  # fmt: skip
    assert find_array(file, "a/zeros").shape == (1 << 24,), "as dense as deflate can be"
