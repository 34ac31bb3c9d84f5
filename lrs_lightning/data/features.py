"""Features of demonstrations of pixels: computed once for each episode and encoder, and kept.

    cache/features/ENCODER/EPISODE.ckpt    the first digits of two SHA-256

Both hashes are of contents, so that a file is found again wherever the store lies and whatever the
run of the encoder is called, and a store that grows has only its new episodes encoded. Features are
computed and kept in float32 on the CPU: they differ from those of the network in the closed loop by
rounding alone. An hour of play (54,000 decisions) is 55 MB at 256 features.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_kernels.cache import cache_folder
from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.frames import seen_from
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.envs import available_cores
from lrs_lightning.errors import DataError
from lrs_lightning.locking import LOCK, locked
from lrs_lightning.nn.encoders import Encoder, digest_of
from lrs_lightning.rollout.torch_policy import torch_threads

_DIGITS = 16  # of a hash in a name; the whole one is in the file
_ROWS = 64  # steps that are encoded in one call

Features = NDArray[np.float32]


def encoded_episodes(
    store: DemonstrationStore,
    numbers: Sequence[int],
    encoder: Encoder,
    say: Callable[[str], Any] = print,
) -> list[Demonstration]:
    """Episodes with features `(L, F)` in the place of their observations.

    What is not in the cache is computed, and so is what is damaged there. Of several processes that
    want it at once, one computes and the others wait for it.

    Args:
        store: of pixels.
        numbers: of the episodes in it.
        encoder: frozen; sees one frame.
        say: told before something is computed.

    Raises:
        DataError: an episode is damaged, features are not finite, or the cache cannot be written.
    """
    own = copy.deepcopy(encoder).cpu().float()  # whatever device and precision training has
    sha256 = digest_of(own)
    folder = cache_folder("lrs_lightning") / "features" / sha256[:_DIGITS]
    kept = {number: _kept(folder, store, number, sha256) for number in numbers}
    if any(features is None for features in kept.values()):
        with locked(folder / LOCK):
            kept |= {n: _kept(folder, store, n, sha256) for n, f in kept.items() if f is None}
            missing = [number for number, features in kept.items() if features is None]
            if missing:
                say(f"computing features (episodes: {len(missing)}) into {folder}")
            for number in missing:
                features = encode_episode(own, store[number], store.task.observation_shape[0])
                _check_finite(features, store.place(number))
                kept[number] = features
                _keep(features, folder, store, number, sha256)
    return [replace(store[number], observations=kept[number], before=None) for number in numbers]


def encode_episode(encoder: Encoder, episode: Demonstration, stack: int) -> Features:
    """Features `(L, F)` of an episode of pixels, as they are after each step.

    Args:
        encoder: on the CPU, in float32.
        episode: each frame once, or each observation as it was seen.
        stack: frames, or channels, of an observation S.
    """
    parts = []
    with torch.inference_mode(), torch_threads(available_cores()):
        for start in range(0, len(episode), _ROWS):
            rows = min(_ROWS, len(episode) - start)
            seen = seen_from(episode.observations, episode.before, start, rows, stack)
            parts.append(encoder(torch.from_numpy(np.ascontiguousarray(seen))))  # (rows, F)
    features: Features = torch.cat(parts).numpy()
    return features


def _file(folder: Path, store: DemonstrationStore, number: int) -> Path:
    return folder / f"{store.digest(number)[:_DIGITS]}.ckpt"


def _keep(
    features: Features, folder: Path, store: DemonstrationStore, number: int, sha256: str
) -> None:
    content = {
        "features": torch.from_numpy(features),
        "encoder": sha256,
        "episode": store.digest(number),
    }
    write_checkpoint(content, _file(folder, store, number))


def _kept(folder: Path, store: DemonstrationStore, number: int, sha256: str) -> Features | None:
    """What is kept of an episode; None where there is nothing, or nothing that can be used."""
    file = _file(folder, store, number)
    if not file.is_file():
        return None
    try:
        content = read_checkpoint(file)
    except DataError:  # damaged: it is computed anew, and the file replaced
        return None
    features = content.get("features")
    mine = (content.get("encoder"), content.get("episode")) == (sha256, store.digest(number))
    if not mine or not isinstance(features, Tensor) or features.dtype != torch.float32:
        return None
    whole = features.dim() == 2 and len(features) == store.manifest["lengths"][number]
    return features.numpy() if whole and bool(features.isfinite().all()) else None


def _check_finite(features: Features, place: str) -> None:
    if not np.isfinite(features).all():
        raise DataError(
            f"features of {place} are not finite: the frozen encoder has no good weights; name "
            "another run of it"
        )
