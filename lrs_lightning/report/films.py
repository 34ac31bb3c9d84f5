"""Short films of play from pixels, as the policy saw it, shifts included: GIFs, by Pillow.

TensorBoard shows a GIF that is written as an encoded image; its own `add_video` needs a package
whose present version it cannot import.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lrs_lightning.envs import describe, domain_of
from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout import Policy, rollout
from lrs_lightning.shifts import Condition

Frames = NDArray[np.uint8]


def film(
    policy: Policy, env_id: str, condition: Condition | str, seed: int, steps: int = 300
) -> Frames:
    """The newest frame of each decision of an episode, at most `steps` of them.

    Of grey pictures `(L, H, W)`, of coloured ones `(L, H, W, 3)`.

    Args:
        policy: who plays.
        env_id: a task that shows pictures.
        condition: what is shifted.
        seed: of the episode.
        steps: decisions after which the film ends.
    """
    game = domain_of(env_id).pixels  # whose length is counted in frames of the emulator
    played = rollout(
        {"policy": policy},
        env_id,
        [condition],
        [seed],
        record=True,
        env_kwargs={"max_frames": 4 * steps} if game else {"max_episode_steps": steps},
    )
    trajectory = next(iter(played)).trajectory
    if trajectory is None:
        raise AssertionError("the rollout was asked to record")
    channels = describe(env_id).frame_channels
    frames: Frames = np.moveaxis(trajectory.observations[:, -channels:], 1, -1)
    return frames[..., 0] if channels < 3 else frames[..., :3]


def gif(frames: Frames, every: int = 2, scale: int = 2, fps: float = 15.0) -> bytes:
    """Encode grey frames `(L, H, W)`, or coloured ones `(L, H, W, 3)`, as a GIF without end.

    Args:
        frames: uint8.
        every: of this many frames, one is shown.
        scale: pixels are made so many times larger.
        fps: frames a second of the episode; Atari's is 15 with a frame skip of 4.

    Raises:
        ArgumentError: there is no frame, or they are no uint8 pictures.
    """
    pictures = frames.ndim == 3 or frames.shape[3:] == (3,)
    if not pictures or frames.dtype != np.uint8 or not len(frames):
        raise ArgumentError(
            f"frames have shape {frames.shape} of {frames.dtype}, expected uint8 (L, H, W) with at "
            "least one frame"
        )
    large = frames[::every].repeat(scale, axis=1).repeat(scale, axis=2)
    first, *rest = [Image.fromarray(frame) for frame in large]
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
