"""Pictures in any order of their axes as what a store keeps: bytes `(L, channels, H, W)`.

Letters of a layout: S frames of a stack, C channels of a frame, H height, W width, in the order in
which one observation has them. Stacks and channels become one axis, frame after frame.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

Layout = Literal["HW", "WH", "HWC", "WHC", "CHW", "CWH", "SHWC", "SCHW"]
UPRIGHT: tuple[Layout, ...] = ("CHW", "HW", "HWC", "SCHW", "SHWC")
SIDEWAYS: tuple[Layout, ...] = ("WH", "WHC", "CWH")
Array = NDArray[Any]


def frames_for(
    values: Array, expected: tuple[int, ...], layout: Layout | None, where: str
) -> Array:
    """Pictures in the layout of a task, each frame once or as it was seen.

    Args:
        values: `(L, ...)`, one picture a step.
        expected: shape of an observation of the task, `(channels, H, W)`.
        layout: the order of the axes; None for the upright one that fits.
        where: what a sentence names.

    Returns:
        `(L, channels, H, W)` or `(L, 1, H, W)`; the values as they are where no layout fits, which
        `check_episode` then refuses.

    Raises:
        DataError: the layout is told and has another number of axes.
    """
    if layout is None:
        layout = next((one for one in UPRIGHT if _fits(values.shape[1:], one, expected)), None)
        return values if layout is None else turned(values, layout)
    check_layout(values.shape[1:], layout, where)
    return turned(values, layout)


def check_layout(shape: tuple[int, ...], layout: Layout | None, where: str) -> None:
    """Refuse a layout that a picture of this shape cannot have.

    Raises:
        DataError: it has another number of axes.
    """
    if layout is not None and len(shape) != len(layout):
        raise DataError(
            f"{where}: the layout {layout} is of {len(layout)} axes and an observation has shape "
            f"{shape}: say another one, image: {{layout: ...}}"
        )


def turned(values: Array, layout: Layout) -> Array:
    """`(L, ...)` in a layout as `(L, channels, H, W)`; no number is copied where none must be."""
    order = _order(layout)
    moved = np.transpose(values, (0, *(axis + 1 for axis in order)))
    height, width = moved.shape[-2:]
    return moved.reshape(len(moved), math.prod(moved.shape[1:-2]), height, width)


def which_is_sideways(shape: tuple[int, ...], expected: tuple[int, ...]) -> Layout | None:
    """The layout in which a picture of this shape lies on its side; None if it stands upright."""
    if any(_fits(shape, layout, expected) for layout in UPRIGHT):
        return None
    return next((layout for layout in SIDEWAYS if _fits(shape, layout, expected)), None)


def picture_space(shape: tuple[int, ...], layout: Layout | None = None) -> gym.spaces.Box[Any]:
    """The space of pictures of a shape, `(channels, H, W)`; by the environments' rule where None.

    Channels are last if their number is 1, 3 or 4 and the first axis is of another size.
    """
    from lrs_lightning.envs.layouts import channels_first  # the simulators take a second to import

    order = channels_first(shape) if layout is None else _order(layout)
    sizes = shape if order is None else tuple(shape[axis] for axis in order)
    whole = (math.prod(sizes[:-2]), *sizes[-2:])
    return gym.spaces.Box(0, 255, whole, np.uint8)


def laid_out_as(frames: Array, shape: tuple[int, ...]) -> Array:
    """Pictures `(L, channels, H, W)` in the shape from which `picture_space` made theirs."""
    from lrs_lightning.envs.layouts import channels_first

    order = channels_first(shape) or (0, 1, 2)
    split = frames.reshape(len(frames), *(shape[axis] for axis in order))
    return np.transpose(split, (0, *(1 + order.index(axis) for axis in range(len(order)))))


def looks_like_pictures(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether observations of this shape and type are pictures, by the environments' rule."""
    if dtype != np.uint8 or len(shape) < 2:
        return False
    from lrs_lightning.envs.layouts import is_picture

    return is_picture(gym.spaces.Box(0, 255, shape, np.uint8))


def refuse_float_pictures(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    """Pictures are bytes, in closed loop too; as floats they would pass as thousands of channels.

    Raises:
        DataError: floats of the shape of coloured pictures.
    """
    coloured = len(shape) == 3 and (shape[-1] in (3, 4) or shape[0] in (3, 4))
    if coloured and dtype != np.uint8 and looks_like_pictures(shape, np.dtype(np.uint8)):
        raise DataError(
            f"{where}: observations of shape {shape} look like pictures and are {dtype}, expected "
            "uint8 from 0 to 255: scale them back, as the simulator shows them"
        )


def _order(layout: Layout) -> tuple[int, ...]:
    """Axes in the order stack, channel, height, width."""
    return tuple(layout.index(letter) for letter in "SCHW" if letter in layout)


def _fits(shape: tuple[int, ...], layout: Layout, expected: tuple[int, ...]) -> bool:
    if len(shape) != len(layout):
        return False
    *channels, height, width = (shape[axis] for axis in _order(layout))
    return (height, width) == expected[1:] and math.prod(channels) in (1, expected[0])
