"""Short films of play: games as the policy saw them, shifts included, bodies as they moved. GIFs.

TensorBoard shows a GIF that is written as an encoded image; its own `add_video` needs a package
whose present version it cannot import.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lrs_lightning import envs
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.files import file_name
from lrs_lightning.report.mujoco_film import check_drawing, drawn
from lrs_lightning.rollout import Policy, rollout
from lrs_lightning.shifts import Condition, ShiftContext
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.summary import Summary

Frames = NDArray[np.uint8]
_COLOURS, _SAMPLED = 48, 8


def telling(rows: Iterable[Row], policy: str, condition: str) -> dict[str, Row]:
    """The episodes worth a film, of one policy in one condition: the `worst` and the `median`.

    Of one or two there is no median; failed ones do not count.
    """
    own = [
        row
        for row in rows
        if (row["policy"], row["condition"], row["status"]) == (policy, condition, "ok")
    ]
    ordered = sorted(own, key=lambda row: (row["return"], row["seed"]))
    if not ordered:
        return {}
    found = {"worst": ordered[0], "median": ordered[(len(ordered) - 1) // 2]}
    return found if len(ordered) > 2 else {"worst": ordered[0]}


class Choice(NamedTuple):
    """A film that is to be made."""

    name: str
    """Of its file."""
    policy: str
    condition: Condition
    seed: int


def choices(
    rows: Sequence[Row], policy: str, conditions: Iterable[Condition], seed: int, several: bool
) -> list[Choice]:
    """The worst and the median episode of a policy in each condition.

    Args:
        rows: what was played.
        policy: its name.
        conditions: in which it is filmed.
        seed: of the episode that is filmed where none was played.
        several: whether names must tell policies apart.
    """
    found = []
    for condition in conditions:
        told = {
            kind: int(row["seed"]) for kind, row in telling(rows, policy, str(condition)).items()
        }
        for kind, own in (told or {"first": seed}).items():
            name = f"{condition}-{kind}".replace("@", "-")
            name = file_name(f"{policy}-{name}" if several else name)
            found.append(Choice(name, policy, condition, own))
    return found


def worst_shift(folder: Path, policy: str) -> str | None:
    """The condition that hurt a policy most; None where its summary is not there."""
    if not (folder / "summary.json").is_file():
        return None
    own = [one for one in Summary.read(folder).all if one.name == policy]
    return next((one.headline.get("worst_shift") for one in own), None)


def encoded(frames: Frames) -> bytes:
    """The GIF of a film: games twice as large, every second picture; bodies as they are."""
    return gif(frames) if frames.ndim == 3 else gif(frames, every=1, scale=1)


def film(
    policy: Policy,
    env_id: str,
    condition: Condition | str,
    seed: int,
    steps: int = 300,
    context: ShiftContext | None = None,
) -> Frames:
    """An episode as pictures: what a policy of pictures saw, of MuJoCo's tasks the body.

    Args:
        policy: who plays.
        env_id: a task that shows pictures, or one of MuJoCo.
        condition: what is shifted.
        seed: of the episode.
        steps: decisions of a game after which the film ends; bodies are shown to their end.
        context: the unit of sensor noise; see `rollout`.

    Returns:
        `(L, H, W)` of games, their newest frames; `(L, H, W, 3)` of bodies.

    Raises:
        EnvironmentMismatchError: the task has no pictures, or nothing here can draw them.
    """
    info = envs.describe(env_id)
    domain = envs.get_domain(info.domain)
    pictures = info.observation_space.dtype == np.uint8
    if not pictures and not isinstance(info.base_model, mujoco.MjModel):
        raise EnvironmentMismatchError(f"no films: {info.env_id} has no pictures")
    if not pictures:
        check_drawing()
    # The length of a game is counted in frames of the emulator.
    length = {"max_frames": 4 * steps} if domain.pixels else {"max_episode_steps": steps}
    settings = envs.judging(info.env_id) | (length if pictures else {})
    played = rollout(
        {"policy": policy},
        env_id,
        [condition],
        [seed],
        context,
        record=True,
        env_kwargs=settings,
    )
    trajectory = next(iter(played)).trajectory
    if trajectory is None:
        raise AssertionError("the rollout was asked to record")
    if not pictures:
        return drawn(env_id, condition, seed, trajectory, context)
    frames: Frames = np.moveaxis(trajectory.observations[:, -info.frame_channels :], 1, -1)
    return frames[..., 0] if info.frame_channels < 3 else frames[..., :3]


def gif(frames: Frames, every: int = 2, scale: int = 2, fps: float = 15.0) -> bytes:
    """Encode frames, grey `(L, H, W)` or in colours `(L, H, W, 3)`, as a GIF that repeats for ever.

    Args:
        frames: uint8.
        every: of this many frames, one is shown.
        scale: pixels are made so many times larger.
        fps: frames a second of the episode; Atari's is 15 with a frame skip of 4.

    Raises:
        ArgumentError: there is no frame, or they are no uint8 pictures.
    """
    coloured = frames.ndim == 4 and frames.shape[-1] == 3
    if not (frames.ndim == 3 or coloured) or frames.dtype != np.uint8 or not len(frames):
        raise ArgumentError(
            f"frames have shape {frames.shape} of {frames.dtype}, expected uint8 (L, H, W) or "
            "(L, H, W, 3) with at least one frame"
        )
    large = frames[::every].repeat(scale, axis=1).repeat(scale, axis=2)
    first, *rest = [Image.fromarray(frame) for frame in large]
    if coloured:  # one palette for all, without dithering: what stands still costs nothing
        some = np.concatenate(large[:: max(1, len(large) // _SAMPLED)])
        palette = Image.fromarray(some).quantize(_COLOURS, dither=Image.Dither.NONE)
        first, *rest = [
            one.quantize(palette=palette, dither=Image.Dither.NONE) for one in (first, *rest)
        ]
    file = io.BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=rest,
        duration=round(1000 * every / fps),
        loop=0,
    )
    return file.getvalue()


def log_gif(writer: Any, tag: str, content: bytes, step: int) -> None:
    """Show a GIF in TensorBoard's images.

    Args:
        writer: a `SummaryWriter`.
        tag: its name there.
        content: the encoded GIF.
        step: training step.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    image = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=content)
    summary = Summary(value=[Summary.Value(tag=tag, image=image)])
    writer._get_file_writer().add_summary(summary, step)
