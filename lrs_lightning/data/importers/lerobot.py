"""LeRobot datasets of version 2 or 3 in a local folder: `meta/info.json` and Parquet files.

Numbers are read, and pictures in PNG or JPEG, in the files or beside them, where a map asks for
one, or where there is no state. Videos are not: they went through a lossy codec, and closed loop
would show the policy other pictures than it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lrs_lightning.data.findings import Finding
from lrs_lightning.data.importers._files import checked, files_of, needed
from lrs_lightning.data.importers._pictures import pictures_left_out
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.columns import chosen
from lrs_lightning.data.importers.file_map import (
    Actions,
    Episode,
    FileMap,
    Observations,
    Rewards,
)
from lrs_lightning.data.importers.parquet import lossy_pictures, read_parquet
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.documents import read_json
from lrs_lightning.errors import DataError

_INFO = Path("meta", "info.json")
_SHOWN = ("image", "video")
_MEND = "give a folder that lerobot wrote"


@register
@dataclass(frozen=True)
class LeRobot(TableImporter):
    """Folders of LeRobot; needs pyarrow.

    Args:
        map: what the columns mean; `observation.state` and `action` where None.
    """

    name: ClassVar[str] = "lerobot"
    description: ClassVar[str] = "a local folder of LeRobot (v2 or v3), without its videos"
    describes_itself: ClassVar[bool] = True

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A folder with `meta/info.json`."""
        return (source / _INFO).is_file()

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Rows of the files in `data/`."""
        for file in needed(files_of(source / "data", ".parquet"), source, "data/*.parquet"):
            checked(file, source)
            if map is not None:
                _refuse_videos(map, _features(source), source)
            yield from read_parquet(file, map, source)

    def read_map(self, source: Path, env: str | None) -> FileMap:
        """The state, the action, and what else the description names."""
        if self.map is not None:
            return self.map
        names = _features(source)
        seen = _seen(names, source)
        if "action" not in names:
            raise DataError(
                f"{source / _INFO} names no 'action': say with --map map.yaml which of "
                f"{', '.join(sorted(names))} are observations and actions"
            )
        rewards = Rewards("next.reward") if "next.reward" in names else Rewards(kind="none")
        return FileMap(
            observations=Observations(seen),
            actions=Actions("action"),
            rewards=rewards,
            episode=Episode("episode_index"),
            success="next.success" if "next.success" in names else None,
            time="timestamp" if "timestamp" in names else None,
        )

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """Pictures that nobody reads, that are JPEG, or that lie on their side."""
        map, names = self._named_map(source, env), _features(source)
        taken = _asked(map, names)
        left = [name for name, kind in names.items() if kind in _SHOWN and name not in taken]
        files = files_of(source / "data", ".parquet")
        return [
            *super().findings(source, env),
            *([pictures_left_out(left)] if left else []),
            *lossy_pictures(files, map, source),
        ]


def _seen(names: dict[str, str], source: Path) -> str:
    """The state; else the only picture."""
    if "observation.state" in names:
        return "observation.state"
    shown = [name for name, kind in names.items() if kind in _SHOWN]
    if len(shown) != 1:
        raise DataError(
            f"{source / _INFO} names no 'observation.state' and {len(shown)} pictures: say with "
            f"--map map.yaml which of {', '.join(sorted(names))} are observations"
        )
    return shown[0]


def _asked(map: FileMap, names: dict[str, str]) -> set[str]:
    """Features among the observations of a map, which may name columns that are none."""
    wanted = map.observations.columns
    found: set[str] = set()
    for part in wanted if isinstance(wanted, list) else [wanted]:
        with suppress(DataError):
            found.update(chosen(part, list(names), ""))
    return found


def _refuse_videos(map: FileMap, names: dict[str, str], source: Path) -> None:
    for name in sorted(_asked(map, names)):
        if names[name] == "video":
            raise DataError(
                f"{source}: {name} is a video, which a lossy codec has changed and which is not "
                "read: write the dataset again with pictures (LeRobotDataset.create with "
                "use_videos=False and this feature's dtype 'image'), which LeRobot keeps as PNG"
            )


def _features(source: Path) -> dict[str, str]:
    """Names of columns and videos that the description has, and what each is."""
    info = read_json(checked(source / _INFO, source), dict[str, Any], _MEND)
    version = str(info.get("codebase_version"))
    if not version.startswith(("v2", "v3")):
        raise DataError(f"{source / _INFO} is of version {version[:20]}, expected v2 or v3")
    features = info.get("features")
    if not isinstance(features, dict):
        raise DataError(f"{source / _INFO} names no features: {_MEND}")
    return {
        str(name): str(told.get("dtype")) if isinstance(told, dict) else ""
        for name, told in features.items()
    }
