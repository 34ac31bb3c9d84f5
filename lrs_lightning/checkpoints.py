"""Checkpoints as files: whole or absent, sealed with a SHA-256, read without running anything.

A checkpoint is what `torch.save` writes, a zip archive, with a comment at its end: the SHA-256 of
all bytes before it. Every reader of the format reads it, and a byte that was changed or lost since
it was written is found before anything is loaded.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrs_lightning.errors import ArgumentError, DataError, NotFiniteError
from lrs_lightning.files import write_whole

_MARK = b"sha256:"
_SEAL = len(_MARK) + 64  # bytes of the comment: the mark and 64 hexadecimal digits
_END = b"PK\x05\x06"  # begins the last record of a zip archive, whose last 2 bytes say how long
_END_BYTES = 22  # the comment after it is


def write_checkpoint(state: Mapping[str, Any], path: Path, previous: Path | None = None) -> None:
    """Write a checkpoint, whole or not at all; it is on the disk when this returns.

    Args:
        state: tensors and plain values.
        path: the file.
        previous: where the file that `path` names now is kept, if it is whole.

    Raises:
        DataError: it cannot be written; what was there before is as it was.
    """
    content = io.BytesIO()
    torch.save(dict(state), content)
    sealed = _sealed(content.getvalue())
    if previous is not None and path.is_file():
        old = path.read_bytes()
        if _damage(old) is None:  # a damaged file must not take the place of a good one
            write_whole(previous, old)
    write_whole(path, sealed)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; nothing that the file brings along is run.

    Raises:
        ArgumentError: the path is an address of the network.
        DataError: the file cannot be read, is damaged, is no checkpoint, or holds code.
    """
    path = local_path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror})") from error
    damage = _damage(content)
    if damage:
        raise DataError(f"{path} is damaged or no checkpoint ({damage})")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than weights and plain values, and was not run: only load "
            "checkpoints that `fit` wrote"
        ) from error
    except Exception as error:  # whatever a reader of archives says of bytes that are none
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is damaged or no checkpoint ({reason})") from error
    if not isinstance(state, dict):
        raise DataError(f"{path} is no checkpoint (it holds a {type(state).__name__})")
    return state


def local_path(path: str | Path) -> Path:
    """The path, if it is one.

    Raises:
        ArgumentError: it is an address (`http://`, `s3://`, `registry:`, ...).
    """
    text = str(path)
    if "://" in text or "::" in text or text.startswith("registry:"):
        raise ArgumentError(
            f"{path} is not a local path: download the checkpoint, then give its path"
        )
    return Path(text)


def check_finite(weights: Mapping[str, Any], what: str) -> None:
    """Refuse weights that are not finite.

    Raises:
        NotFiniteError: names the first tensor that is not.
    """
    floats = {k: v for k, v in weights.items() if isinstance(v, Tensor) and v.is_floating_point()}
    for name, weight in floats.items():
        if not bool(torch.isfinite(weight).all()):
            raise NotFiniteError(f"{what}: the weights {name} are not finite and are not saved")


def _sealed(archive: bytes) -> bytes:
    """The archive with its own SHA-256 as its comment."""
    content = archive[:-2] + _SEAL.to_bytes(2, "little")
    return content + _MARK + hashlib.sha256(content).hexdigest().encode()


def _damage(content: bytes) -> str | None:
    """What is wrong with the bytes of a checkpoint; None if they are those that were written."""
    if content[-_SEAL:].startswith(_MARK):
        digest = hashlib.sha256(content[:-_SEAL]).hexdigest().encode()
        return None if content.endswith(digest) else "its SHA-256 is another"
    # Written by `torch.save` alone: there is no comment, and each entry has a checksum.
    tail = content[-_END_BYTES:]
    if not tail.startswith(_END) or tail[-2:] != b"\0\0":
        return "it is no whole archive"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return "it is compressed"  # torch never does, and a small file may hold gigabytes
            broken = archive.testzip()
    except Exception as error:
        return " ".join(str(error).split())
    return None if broken is None else f"checksum of {broken}"
