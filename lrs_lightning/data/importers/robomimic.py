"""robomimic datasets: `data/demo_0/{obs/..., actions, rewards, dones}` in an HDF5 file.

The vectors among the observations are put side by side in the order of their names; a picture
beside them is left out unless a map asks for it. What came after the last action is the last row of
`next_obs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np

from lrs_lightning.data.findings import Finding
from lrs_lightning.data.importers._files import files_of, needed
from lrs_lightning.data.importers._hdf5 import opened, read
from lrs_lightning.data.importers._pictures import pictures_left_out
from lrs_lightning.data.importers.assembling import Columns, Table
from lrs_lightning.data.importers.columns import needed_columns
from lrs_lightning.data.importers.file_map import Actions, FileMap, Observations, Rewards
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.data.stored_array import names_in
from lrs_lightning.errors import DataError

_ENDINGS = (".hdf5", ".h5")
_MOST_NAMES = 1_000_000
_DEMO = re.compile(r"demo_(\d+)")


@register
@dataclass(frozen=True)
class Robomimic(TableImporter):
    """HDF5 files of robomimic.

    Args:
        map: what the arrays mean; all vectors of `obs`, and `actions`, where None.
    """

    name: ClassVar[str] = "robomimic"
    description: ClassVar[str] = "an HDF5 file of robomimic: data/demo_*/obs/* and actions"
    describes_itself: ClassVar[bool] = True

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A file with a group `data` of demonstrations."""
        files = files_of(source, *_ENDINGS) if source.is_file() else []
        try:
            with opened(files[0]) as file:
                return bool(_demos(file))
        except (DataError, IndexError):
            return False

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """A demonstration at a time."""
        for path in needed(files_of(source, *_ENDINGS), source, "HDF5"):
            with opened(path) as file:
                held_out = _held_out(file)
                for demo in _demos(file):
                    where = f"{path}, {demo}"
                    arrays = _read(file, f"data/{demo}", map, where)
                    columns = _with_last(arrays, where)
                    origin = {"actor": where, "labeller": where, "held_out": demo in held_out}
                    entries: dict[str, Any] = {"origin": origin}
                    if "dones" in arrays:  # robomimic may mark all steps on which it is solved
                        entries["terminated"] = bool(arrays["dones"].reshape(-1)[-1:].any())
                    yield Table(where, columns, True, entries)

    def read_map(self, source: Path, env: str | None) -> FileMap:
        """All vectors of `obs`, in the order of their names."""
        if self.map is not None:
            return self.map
        shapes = self.columns(source)
        parts = sorted(name for name in shapes if name.startswith("obs/"))
        seen = [name for name in parts if len(shapes[name]) == 1]
        seen = parts if len(parts) == 1 else seen  # a single camera, perhaps
        if not seen or "actions" not in shapes:
            raise DataError(
                f"{source} has no vectors in obs, or no actions: say with --map map.yaml which of "
                f"{', '.join(sorted(shapes))} are meant"
            )
        rewards = Rewards("rewards") if "rewards" in shapes else Rewards(kind="none")
        return FileMap(Observations([*seen]), Actions("actions"), rewards=rewards)

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """Pictures that stand beside the vectors, where those alone were taken."""
        found, shapes = super().findings(source, env), self.columns(source)
        taken = self.read_map(source, env).observations.columns
        pictures = {n for n, shape in shapes.items() if n.startswith("obs/") and len(shape) > 1}
        left = sorted(pictures.difference(taken)) if isinstance(taken, list) else []
        return [*found, pictures_left_out(left)] if left and self.map is None else found


def _demos(file: h5py.File) -> list[str]:
    """Names of the demonstrations, in the order of their numbers."""
    group = file.get("data")
    found = [m for name in group if (m := _DEMO.fullmatch(name))] if group is not None else []
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _read(file: h5py.File, group: str, map: FileMap | None, where: str) -> Columns:
    """The arrays that a map needs, with what came after them; all of them where there is none."""
    names = names_in(file, group)
    if map is not None:
        needed = {*needed_columns(map, names, where), "dones"}
        names = [name for name in names if name.removeprefix("next_") in needed]
    return {name: read(file, f"{group}/{name}") for name in names}


def _held_out(file: h5py.File) -> set[str]:
    """Demonstrations of the filter `valid`."""
    link = file.get("mask/valid", getlink=True) if "mask" in file else None
    if not isinstance(link, h5py.HardLink):
        return set()
    array = file["mask/valid"]
    plain = isinstance(array, h5py.Dataset) and not array.is_virtual and not array.external
    if not plain or array.size > _MOST_NAMES:
        return set()
    return {name.decode() if isinstance(name, bytes) else str(name) for name in array[()].ravel()}


def _with_last(arrays: Columns, where: str) -> Columns:
    """With the observation after the last action, where `next_obs` has it for all of `obs`."""
    seen = [name for name in arrays if name.startswith("obs/")]
    after = {name: arrays.get(f"next_{name}") for name in seen}
    kept = {name: values for name, values in arrays.items() if not name.startswith("next_obs/")}
    if all(values is not None and len(values) for values in after.values()):
        for name in seen:
            last = np.asarray(after[name])[-1:]
            kept[name] = np.concatenate([arrays[name], last.astype(arrays[name].dtype)])
    return kept
