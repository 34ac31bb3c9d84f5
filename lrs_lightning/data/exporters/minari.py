"""A store as a Minari dataset, without loss: what came from Minari goes back to the last bit.

OUT/data/metadata.json     spaces, environment, and what the dataset said of itself
OUT/data/main_data.hdf5    episode_0/{observations, actions, rewards, terminations, ...}
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.importers.minari import EPISODES, FLAGS, METADATA, MINARI_INFOS
from lrs_lightning.data.importers.spaces import apart, leaves, read_space
from lrs_lightning.data.picture_layout import laid_out_as, looks_like_pictures
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import Task
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.files import cannot_write, write_whole

Array = NDArray[Any]


def export_minari(store: DemonstrationStore, out: str | Path, name: str | None = None) -> Path:
    """Write a Minari dataset; Minari itself need not be installed.

    Observations become T + 1: where the last one was not recorded, the one before it is repeated,
    since Minari expects one there. Labels have no place in Minari: executed actions are written.
    Pictures are written as they are, never as JPEG (`jpeg_encoding: false`, which Minari 0.5.4
    reads), in the layout in which they came; frames of a stack once each.

    Args:
        store: the demonstrations.
        out: folder of the dataset, which must not exist. For `minari.load_dataset(id)` it lies at
            `~/.minari/datasets/<id>`.
        name: id of the dataset, e.g. `"mujoco/pusher/mine-v0"`; what it was, or the folder's name.

    Raises:
        ArgumentError: the folder exists.
        DataError: an episode is damaged, or the folder cannot be written.
    """
    out = Path(out)
    if out.exists():
        raise ArgumentError(f"{out} exists: choose another folder")
    about = _metadata(store, name or out.name)
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "data").mkdir(parents=True)
        _write_episodes(unfinished / "data" / EPISODES, store, about)
        write_whole(unfinished / "data" / METADATA, json.dumps(about).encode())
        unfinished.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return out


def _metadata(store: DemonstrationStore, name: str) -> dict[str, Any]:
    """What the dataset said when it was imported; else what Minari needs."""
    kept = store.manifest.get("minari")
    if isinstance(kept, dict):
        counted = {"total_episodes": len(store), "total_steps": store.manifest["steps"]}
        raw = {"jpeg_encoding": False} if store.task.pixels else {}
        return {**kept, **{k: v for k, v in counted.items() if k in kept}, **raw}
    task = store.task
    seen = task.observation_space
    if task.pixels:  # of a stack each frame is stored once
        seen = gym.spaces.Box(0, 255, store[0].observations.shape[1:], np.uint8)
    about = {
        "total_episodes": len(store),
        "total_steps": store.manifest["steps"],
        "data_format": "hdf5",
        "observation_space": json.dumps(_space(seen)),
        "action_space": json.dumps(_space(task.action_space)),
        "dataset_id": name,
        "algorithm_name": str(store.manifest.get("expert", "")),
        "minari_version": "0.5.4" if task.pixels else "0.5.3",
        **({"jpeg_encoding": False} if task.pixels else {}),
    }
    spec = gym.registry.get(task.env)
    return about if spec is None else {**about, "env_spec": spec.to_json()}


def _space(space: gym.spaces.Box[Any] | gym.spaces.Discrete) -> dict[str, Any]:
    """A space as Minari writes it."""
    if isinstance(space, gym.spaces.Discrete):
        values = {"n": int(space.n), "start": int(space.start)}
        return {"type": "Discrete", "dtype": "int64", **values}
    ends = {end: getattr(space, end).tolist() for end in ("low", "high")}
    return {"type": "Box", "dtype": str(space.dtype), "shape": list(space.shape), **ends}


def _write_episodes(path: Path, store: DemonstrationStore, about: dict[str, Any]) -> None:
    kept = store.manifest.get("minari") is not None
    space = read_space(about["observation_space"], str(path)) if kept and _said(about) else None
    with h5py.File(path, "w", track_order=True) as file:
        for number in range(len(store)):
            episode = store.exact(number)
            group = file.create_group(f"episode_{number}")
            group.attrs["id"] = number
            if episode.origin.seed is not None:
                group.attrs["seed"] = episode.origin.seed
            group.attrs["total_steps"] = len(episode)
            for name, values in _arrays(episode, space, store.task, kept).items():
                group.create_dataset(
                    name, data=values, chunks=True, maxshape=(None, *values.shape[1:])
                )


def _said(about: dict[str, Any]) -> bool:
    return about.get("observation_space") is not None


def _arrays(
    episode: Demonstration, space: gym.spaces.Space[Any] | None, task: Task, kept: bool
) -> dict[str, Array]:
    """Name -> what Minari stores of an episode."""
    seen = np.asarray(episode.observations)
    last = seen[-1:] if episode.final is None else np.asarray(episode.final)
    # A dataset of T observations goes back as it came; else Minari's readers expect T + 1.
    whole = seen if kept and episode.final is None else np.concatenate([seen, last])
    arrays = _pictures(whole, space) if task.pixels else _parts(whole, space, task)
    arrays["actions"] = np.asarray(episode.actions)
    arrays["rewards"] = np.asarray(episode.rewards)
    ends = (episode.ending.terminated, episode.ending.truncated)
    for name, ended in zip(FLAGS, ends, strict=True):
        beside = episode.infos.get(f"{MINARI_INFOS}/{name}")
        arrays[name] = _flags(len(episode), bool(ended)) if beside is None else beside
    infos = {n: v for n, v in episode.infos.items() if not n.startswith(f"{MINARI_INFOS}/")}
    return arrays | {f"infos/{name}": values for name, values in infos.items()}


def _parts(seen: Array, space: gym.spaces.Space[Any] | None, task: Task) -> dict[str, Array]:
    """The observations, apart again where they were of several parts."""
    if space is None:
        return {"observations": seen}
    found = list(leaves(space))
    if [name for name, _ in found] == [""]:
        return {"observations": seen}
    boxes = [box for _, box in found]
    if sum(int(np.prod(box.shape, dtype=np.int64)) for box in boxes) != seen.shape[1]:
        raise DataError(f"the observations of {task.env} are not those that its dataset describes")
    pieces = apart(seen, boxes)
    return {f"observations{name}": p for (name, _), p in zip(found, pieces, strict=True)}


def _pictures(frames: Array, space: gym.spaces.Space[Any] | None) -> dict[str, Array]:
    """Pictures `(T, channels, H, W)` in the layout that their dataset describes."""
    if space is None:
        return {"observations": frames}
    shown = [
        (name, box) for name, box in leaves(space) if looks_like_pictures(box.shape, box.dtype)
    ]
    if len(shown) != 1 or len(list(leaves(space))) > 1:
        raise DataError("one part of several was imported: the others cannot be written back")
    ((name, box),) = shown
    return {f"observations{name}": laid_out_as(frames, box.shape)}


def _flags(steps: int, ended: bool) -> NDArray[np.bool_]:
    flags = np.zeros(steps, bool)
    flags[-1] = ended
    return flags
