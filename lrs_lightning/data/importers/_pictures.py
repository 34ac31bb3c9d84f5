"""Pictures as files, or as the bytes of such: PNG without loss, JPEG with."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lrs_lightning.data.findings import Finding
from lrs_lightning.data.findings.base import listed
from lrs_lightning.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp")
_FORMATS = ("PNG", "JPEG", "BMP")
_MODES = {"L": "L", "1": "L", "RGB": "RGB", "RGBA": "RGBA", "P": "RGB"}
_LARGEST = 1 << 24  # pixels: 4,096 x 4,096
_DENSEST = 1100  # deflate makes at most 1,032 bytes of one; JPEG and BMP fewer
_SLACK = 1 << 16
_BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError, MemoryError,
    Image.DecompressionBombError,
)  # fmt: skip


def decoded(content: bytes, where: str) -> NDArray[np.uint8]:
    """The picture, `(H, W)` grey or `(H, W, C)`.

    Raises:
        DataError: it is damaged, of another format, not of 8 bits, or claims more than its bytes
            can hold.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            _check(picture, len(content), where)
            return np.asarray(picture.convert(_MODES[picture.mode]))
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{where} is no picture in PNG, JPEG or BMP ({reason})") from None


def together(pictures: list[NDArray[np.uint8]], where: str) -> NDArray[np.uint8]:
    """Pictures of one size as one array `(L, ...)`.

    Raises:
        DataError: one differs from the first.
    """
    for number, picture in enumerate(pictures):
        if picture.shape != pictures[0].shape:
            raise DataError(
                f"{where}: picture {number} has shape {picture.shape} and the first "
                f"{pictures[0].shape}: make them alike"
            )
    return np.stack(pictures)


def is_lossy(content: bytes) -> bool:
    """Whether a picture is JPEG."""
    return content[:2] == b"\xff\xd8"


def _check(picture: Image.Image, size: int, where: str) -> None:
    pixels = picture.width * picture.height
    if pixels > _LARGEST or pixels > _DENSEST * size + _SLACK:
        raise DataError(
            f"{where} claims {picture.width} x {picture.height} pixels in {size:,} bytes: more "
            "than it can hold, or than any policy sees"
        )
    if picture.mode not in _MODES:
        raise DataError(
            f"{where} is of mode {picture.mode}, expected 8 bits, grey or coloured: convert it"
        )
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise DataError(f"{where} is a film of {frames} pictures: give one for each step")


def lossy_finding(where: str, why: str = "they are JPEG") -> Finding:
    """What is said of pictures that a codec has changed."""
    return Finding(
        "lossy images",
        where,
        why,
        "in closed loop the policy sees frames without the traces of the codec: record PNG, or "
        "pass what it sees through the same codec",
    )


def pictures_left_out(names: list[str]) -> Finding:
    """What is said of pictures beside numbers, which no policy reads together."""
    return Finding(
        "pictures left out",
        listed(names),
        "they stand beside numbers, and the numbers alone were taken",
        "the policy will not see them: choose one instead with --map map.yaml "
        "(observations: {columns: ...}) if it is to see pictures",
    )
