"""An array in an HDF5 file: found without following a link, and believed only if it is plain.

HDF5 lets a file point anywhere: links and virtual datasets name other files, external storage any
bytes of the disk, a filter a library to load. A few bytes may also claim a billion rows. Whatever
reads a file of somebody else's asks here first, before a number is read.
"""

from __future__ import annotations

import math

import h5py

from lrs_lightning.errors import DataError

_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_DENSEST = 1100  # deflate makes at most 1,032 bytes of one
_SLACK = 1 << 16  # bytes that an array may have beyond that, for what is almost empty


def find_array(file: h5py.File, place: str) -> h5py.Dataset:
    """The array at a place such as `episodes/00000/labels`.

    Args:
        file: an open file.
        place: names of groups and at last of the array.

    Raises:
        KeyError: there is nothing at that place.
        DataError: it leads out of the file, holds other things than numbers, or claims more numbers
            than its bytes can hold.
    """
    found = _own_array(file, place)
    _refuse_other_types(found, place)
    _refuse_empty_claims(found, place)
    return found


def find_byte_rows(file: h5py.File, place: str) -> h5py.Dataset:
    """An array `(L,)` of bytes of any length, or `(L, K)` of one length: files inside the file.

    Raises:
        KeyError: there is nothing at that place.
        DataError: it leads out of the file, holds other things, or claims more than it can hold.
    """
    found = _own_array(file, place)
    rows = h5py.check_vlen_dtype(found.dtype)
    if rows is None:
        return find_array(file, place)
    if rows != "uint8" or found.ndim != 1 or len(found) > file.id.get_filesize():
        raise DataError(f"{place} is of type {found.dtype}, expected bytes for each step")
    return found


def _own_array(file: h5py.File, place: str) -> h5py.Dataset:
    """The array at a place, which takes its numbers from no other file."""
    found = file
    for name in place.split("/"):
        found = _below(found, name, place)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{place} is a {type(found).__name__.lower()}, expected an array")
    _refuse_other_files(found, place)
    return found


def holds(file: h5py.File, place: str) -> bool:
    """Whether anything is at a place; `find_array` tells whether it can be believed."""
    folder, _, name = place.rpartition("/")
    found = file
    for part in folder.split("/"):
        found = _below(found, part, place)
    return isinstance(found, h5py.Group) and found.get(name, getlink=True) is not None


def names_in(file: h5py.File, place: str) -> list[str]:
    """Names of what is in the group at a place, groups in it included; none where there is none.

    Raises:
        KeyError: there is nothing above that place.
        DataError: a link leads out of it, or it is an array.
    """
    if not holds(file, place):
        return []
    found = file
    for part in place.split("/"):
        found = _below(found, part, place)
    if not isinstance(found, h5py.Group):
        raise DataError(f"{place} is an array, expected a group of them")
    names: list[str] = []
    for name in sorted(found):
        below = _below(found, name, f"{place}/{name}")
        inner = names_in(file, f"{place}/{name}") if isinstance(below, h5py.Group) else None
        names += [name] if inner is None else [f"{name}/{deeper}" for deeper in inner]
    return names


def _below(group: h5py.Group, name: str, place: str) -> h5py.Group | h5py.Dataset:
    if not isinstance(group, h5py.Group):
        raise KeyError(place)
    link = group.get(name, getlink=True)
    if link is None:
        raise KeyError(place)
    if not isinstance(link, h5py.HardLink):  # asked of the link itself, so that it is not followed
        raise DataError(f"{place} is a link to somewhere else, which is not followed")
    return group[name]


def _refuse_other_files(array: h5py.Dataset, place: str) -> None:
    if array.is_virtual or array.external:
        raise DataError(f"{place} takes its numbers from other files, which are not read")
    layout = array.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    if filters - _FILTERS:
        raise DataError(
            f"{place} is compressed with filter {min(filters - _FILTERS)}, expected gzip alone"
        )


def _refuse_other_types(array: h5py.Dataset, place: str) -> None:
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8 or array.dtype.shape:
        raise DataError(f"{place} is of type {array.dtype}, expected numbers")
    if array.shape is None or array.ndim == 0:
        raise DataError(f"{place} is no array of steps")


def _refuse_empty_claims(array: h5py.Dataset, place: str) -> None:
    chunk = math.prod(array.chunks or (0,)) * array.dtype.itemsize
    claimed, stored = max(array.nbytes, chunk), array.id.get_storage_size()
    if claimed > _DENSEST * stored + _SLACK:
        raise DataError(
            f"{place} of shape {array.shape} claims {claimed:,} bytes and {stored:,} are stored"
        )
