"""What the columns of a file mean: guessed from their names, or told by a file `map.yaml`.

observations: {columns: 0:17}                # places, names, patterns, or obs/[eef_pos, gripper]
actions: {columns: 17:23, outside: clip}     # beyond the bounds: error (default) or clip
labels: actions                              # or columns of their own, where actions were noisy
rewards: {column: 23, kind: cumulative}      # per_step (default), cumulative, none
episode: {by: file}                          # or an id column, or flags: [terminated, timeout]
alignment: obs_before_action                 # default; obs_after_action, or T+1
drop: {first: 1}
image: {layout: HWC, lossy: true, stack: 4}   # axes of a picture: HW, WH, HWC, CHW, SHWC, ...
discrete: {offset: 1, n: 4}
terminated: done
truncated: timeout
success: success
time: timestamp
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from lrs_lightning.data.picture_layout import Layout
from lrs_lightning.documents import as_shape, read_bytes
from lrs_lightning.errors import DataError

Selection = str | int | list[str | int]
"""Columns: a place, a slice of places `"0:17"`, a name, a pattern `"obs_*"`, or a list of these."""
_MEND = "see docs/demonstrations.md"
_Count = Annotated[int, Meta(ge=0)]


class Observations(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which columns were seen."""

    columns: Selection


class Actions(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which columns were done, and what becomes of those beyond the bounds."""

    columns: Selection
    outside: Literal["error", "clip"] = "error"
    low: float | list[float] | None = None
    high: float | list[float] | None = None


class Labels(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which columns are to be learned."""

    columns: Selection


class Rewards(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which column was earned, by each step or up to it."""

    column: str | int | None = None
    kind: Literal["per_step", "cumulative", "none"] = "per_step"


class Episode(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What tells episodes apart: the file, an id column, or flags of which any ends an episode."""

    by: str | int | list[str] = "file"


class Drop(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Rows at the ends of an episode that are left out."""

    first: _Count = 0
    last: _Count = 0


class Image(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How pictures are laid out, whether they went through a lossy codec, and how they are seen.

    Args:
        layout: the order of the axes; None for the upright one that fits.
        lossy: whether a codec has changed them.
        stack: frames that a policy sees at once, of grey ones without an environment.
    """

    layout: Layout | None = None
    lossy: bool = False
    stack: Annotated[int, Meta(ge=1, le=64)] = 4


class Discrete(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How discrete actions are written: the number of the first, and how many there are."""

    offset: int = 0
    n: Annotated[int, Meta(ge=1)] | None = None


class FileMap(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the columns of a file mean."""

    observations: Observations
    actions: Actions
    labels: Labels | Literal["actions"] = "actions"
    rewards: Rewards = msgspec.field(default_factory=Rewards)
    episode: Episode = msgspec.field(default_factory=Episode)
    alignment: Literal["obs_before_action", "obs_after_action", "T+1"] = "obs_before_action"
    drop: Drop = msgspec.field(default_factory=Drop)
    image: Image | None = None
    discrete: Discrete | None = None
    terminated: str | int | None = None
    truncated: str | int | None = None
    success: str | int | None = None
    time: str | int | None = None

    def to_yaml(self) -> str:
        """The file `map.yaml` that says the same."""
        plain = as_plain(self)
        text: str = yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=100)
        return text


def as_plain(map: FileMap) -> dict[str, Any]:
    """Plain values without what has its default."""
    plain: dict[str, Any] = msgspec.to_builtins(map)
    return {name: value for name, value in plain.items() if value != {}}


class _PlainLoader(yaml.SafeLoader):
    """Like `SafeLoader`, but `17:23` is a slice and not 17 minutes and 23 seconds (YAML 1.1)."""


_TIMED = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _TIMED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def read_map(path: Path) -> FileMap:
    """Read `map.yaml`.

    Raises:
        DataError: it is missing, no YAML, or has an entry that means nothing.
    """
    content = read_bytes(path, _MEND)
    try:
        values = yaml.load(content, _PlainLoader)  # a subclass of SafeLoader: plain values alone
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DataError(f"{path} is no YAML ({' '.join(str(error).split())[:200]})") from None
    return as_map(values, str(path))


def as_map(values: Any, where: str) -> FileMap:
    """Plain values as a map.

    Raises:
        DataError: an entry is missing, or means nothing.
    """
    return as_shape(values, FileMap, where, _MEND)
