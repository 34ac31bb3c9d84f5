"""Demonstrations that are collected on first use, and found again by their recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lrs_kernels.cache import cache_folder
from lrs_lightning.data.manifest import MANIFEST
from lrs_lightning.data.noise_schedule import AUTO, schedule_for
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.envs import domain_of
from lrs_lightning.errors import DataError
from lrs_lightning.files import file_name
from lrs_lightning.locking import LOCK, locked


@dataclass(frozen=True)
class Recipe:
    """Whatever decides which episodes are collected.

    Args:
        env: environment id.
        expert: `"shipped"`, the path of an expert or a run folder, or `module:function`.
        episodes: how many.
        noise: on executed actions, see `noise_schedule` and `schedule_for`.
        seed: data seed.
        statistics: of a Stable-Baselines3 expert, see `load_expert`.
    """

    env: str
    expert: str = "shipped"
    episodes: int = 20
    noise: str = AUTO
    seed: int = 0
    statistics: str | None = None

    @property
    def folder(self) -> Path:
        """Its place in the user's cache: whatever changes the episodes changes the name."""
        decides = {
            "expert": _fingerprint(self.expert),
            "episodes": self.episodes,
            "noise": schedule_for(self.env, self.noise),
            "seed": self.seed,
            "simulator": version(domain_of(self.env).simulator),
        }
        if self.statistics is not None:
            decides["statistics"] = _fingerprint(self.statistics)
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
        cache = cache_folder("lrs_lightning")
        return cache / "demonstrations" / file_name(f"{self.env.replace('/', '_')}-{digest}")


Collect = Callable[..., DemonstrationStore]


def find_or_collect(
    recipe: Recipe, collect: Collect | None = None, say: Callable[[str], Any] = print
) -> DemonstrationStore:
    """The store of a recipe; it is collected where it is not there, or where it is damaged.

    Of several processes that want it at once, one collects and the others wait for it.

    Args:
        recipe: what is wanted.
        collect: `data.collect.collect`, or something like it.
        say: told before and after a collection.

    Raises:
        LrsError: an unknown environment or expert, or a cache that cannot be written.
    """
    folder = recipe.folder
    if (store := _whole(folder, recipe.env)) is not None:
        return store
    with locked(folder.with_name(f".{folder.name}{LOCK}")):  # the store has one of its own inside
        if (store := _whole(folder, recipe.env)) is not None:
            return store
        say(f"collecting {recipe.episodes} episodes of {recipe.env} into {folder}")
        asked = {name: value for name, value in asdict(recipe).items() if value is not None}
        store = (collect or _collect)(out=folder, **asked)
    returns = store.manifest["returns"]
    say(f"collected: mean return {sum(returns) / len(returns):.0f} under noise")
    return store


def _collect(**recipe: Any) -> DemonstrationStore:
    from lrs_lightning.data.collect import collect  # the simulators take a second to import

    return collect(**recipe)


def _whole(folder: Path, env: str) -> DemonstrationStore | None:
    """The store if there is one that can be read."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return DemonstrationStore(folder, env)
    except DataError:
        return None


def _fingerprint(expert: str) -> str:
    """What tells an expert from another of its name: the content of its files."""
    path = Path(expert)
    files = sorted(path.glob("checkpoints/*.ckpt")) if path.is_dir() else [path]
    if ":" in expert and not path.exists():
        module = find_spec(expert.partition(":")[0])
        files = [Path(module.origin)] if module is not None and module.origin is not None else []
    known = [file for file in files if file.is_file()]
    if not known:
        return expert
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in known]
    return digests[0] if known == [path] else " ".join([expert, *digests])
