"""LeRobot datasets of version 2 or 3 in a local folder: `meta/info.json` and Parquet files.

Numbers are read, videos are not: they went through a lossy codec, and closed loop would show the
policy other pictures than it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lrs_lightning.data.importers._files import checked, files_of, needed
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.file_map import (
    Actions,
    Episode,
    FileMap,
    Observations,
    Rewards,
)
from lrs_lightning.data.importers.parquet import read_parquet
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.documents import read_json
from lrs_lightning.errors import DataError

_INFO = Path("meta", "info.json")
_MEND = "give a folder that lerobot wrote"


@register
@dataclass(frozen=True)
class LeRobot(TableImporter):
    """Folders of LeRobot; needs pyarrow.

    Args:
        map: what the columns mean; `observation.state` and `action` where None.
    """

    name: ClassVar[str] = "lerobot"
    description: ClassVar[str] = "a local folder of LeRobot (v2 or v3); its videos are not read"
    describes_itself: ClassVar[bool] = True

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A folder with `meta/info.json`."""
        return (source / _INFO).is_file()

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Rows of the files in `data/`."""
        for file in needed(files_of(source / "data", ".parquet"), source, "data/*.parquet"):
            checked(file, source)
            yield from read_parquet(file, map)

    def read_map(self, source: Path, env: str | None) -> FileMap:
        """The state, the action, and what else the description names."""
        if self.map is not None:
            return self.map
        names = _features(source)
        for name in ("observation.state", "action"):
            if name not in names:
                raise DataError(
                    f"{source / _INFO} names no {name!r}: say with --map map.yaml which of "
                    f"{', '.join(sorted(names))} are observations and actions"
                )
        rewards = Rewards("next.reward") if "next.reward" in names else Rewards(kind="none")
        return FileMap(
            observations=Observations("observation.state"),
            actions=Actions("action"),
            rewards=rewards,
            episode=Episode("episode_index"),
            success="next.success" if "next.success" in names else None,
            time="timestamp" if "timestamp" in names else None,
        )


def _features(source: Path) -> set[str]:
    """Names of columns and videos that the description has."""
    info = read_json(checked(source / _INFO, source), dict[str, Any], _MEND)
    version = str(info.get("codebase_version"))
    if not version.startswith(("v2", "v3")):
        raise DataError(f"{source / _INFO} is of version {version[:20]}, expected v2 or v3")
    features = info.get("features")
    if not isinstance(features, dict):
        raise DataError(f"{source / _INFO} names no features: {_MEND}")
    return {str(name) for name in features}
