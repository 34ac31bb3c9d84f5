"""The profile of a store as files: tables of episodes and channels, pictures of a few episodes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.profile import Channel, Profile, as_columns
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.files import write_whole

_SHOWN = 3  # episodes that are drawn


def write_profile(found: Profile, folder: str | Path) -> list[Path]:
    """Tables and pictures: `episodes.csv`, `channels.csv`, `episode_0.png` and so on.

    Raises:
        DataError: the folder cannot be written.
    """
    folder = Path(folder)
    written = [
        write_whole(folder / "episodes.csv", _episodes_csv(found.store)),
        write_whole(folder / "channels.csv", _channels_csv(found.channels)),
    ]
    for number in range(min(_SHOWN, len(found.store))):
        picture = _picture(found.store[number], f"episode {number}", found.store.task.pixels)
        written.append(write_whole(folder / f"episode_{number}.png", picture))
    return written


def _episodes_csv(store: DemonstrationStore) -> str:
    rows = zip(
        store.manifest["lengths"], store.manifest["returns"], store.endings, store.origins,
        strict=True,
    )  # fmt: skip
    head = ("episode", "length", "return", "terminated", "truncated", "success", "seed", "actor")
    return _csv(
        head,
        (
            (i, length, earned, e.terminated, e.truncated, e.success, o.seed, o.actor)
            for i, (length, earned, e, o) in enumerate(rows)
        ),
    )


def _channels_csv(channels: list[Channel]) -> str:
    head = ("channel", "mean", "deviation", "low", "high")
    return _csv(head, ((c.name, c.mean, c.deviation, c.low, c.high) for c in channels))


def _csv(head: tuple[str, ...], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _newest(frame: NDArray[Any]) -> NDArray[Any]:
    """A frame `(C, H, W)` as it is shown: three channels are colours, else the last one is."""
    return np.moveaxis(frame, 0, -1) if len(frame) == 3 else frame[-1]


def _picture(episode: Demonstration, title: str, pixels: bool) -> bytes:
    """Observations, actions and rewards over time; of pictures some frames."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1)
    if pixels:
        steps = np.linspace(0, len(episode) - 1, min(8, len(episode))).astype(int)
        frames = [_newest(np.asarray(episode.observations[t : t + 1])[0]) for t in steps.tolist()]
        top.imshow(np.concatenate(frames, axis=1), cmap="gray", vmin=0, vmax=255)
        top.set_axis_off()
    else:
        top.plot(as_columns(episode.observations), linewidth=0.8)
        top.set_ylabel("observations")
    top.set_title(title)
    middle.plot(as_columns(episode.actions), linewidth=0.8)
    middle.set_ylabel("actions")
    bottom.plot(np.asarray(episode.rewards), linewidth=0.8)
    bottom.set_ylabel("rewards")
    bottom.set_xlabel("step")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()
