"""`summary.json` as a file: its declared shape, its checksum, and no link out of the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from msgspec import Struct

from lrs_lightning.documents import as_shape, read_json, write_json
from lrs_lightning.errors import DataError
from lrs_lightning.foreign_id import check_foreign_id
from lrs_lightning.statistics.comparison import plain
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.headline import Ends, Headline, Number

NAME = "summary.json"
_MEND = "evaluate again"


class _Curve(TypedDict):
    severities: list[int]
    return_mean: Number | None
    expert_normalized: Number | None


class _Difference(TypedDict):
    a: str
    b: str
    condition: str
    episodes: int
    outcomes: NotRequired[int]
    difference: Number | None
    ci95: Ends
    p: NotRequired[Number | None]
    p_holm: NotRequired[Number | None]
    improvement: Number | None
    improvement_ci95: Ends


class _MethodCondition(TypedDict):
    condition: str
    shift: str
    severity: int
    by_seed: list[Number | None]
    episodes: int
    outcomes: int
    return_mean: Number | None
    return_ci95: Ends
    return_iqm: Number | None
    return_iqm_ci95: Ends
    expert_normalized: Number | None
    expert_normalized_ci95: Ends
    retention: Number | None
    retention_ci95: Ends


class _Method(TypedDict):
    name: str
    policies: list[str]
    training_seeds: list[dict[str, int]]
    conditions: list[_MethodCondition]
    headline: Headline


class _MethodDifference(TypedDict):
    a: str
    b: str
    condition: str
    seeds: list[int]
    paired: bool
    difference: Number | None
    ci95: Ends
    p: Number | None
    p_holm: Number | None
    at_equal_clean: Number | None
    at_equal_clean_ci95: Ends
    improvement: Number | None
    improvement_ci95: Ends


class _Content(Struct):
    """What a summary must hold; further keys are kept as they are."""

    env: str
    policy: dict[str, Any]
    references: dict[str, Number]
    conditions: list[ConditionSummary]
    headline: Headline = {}
    aggregate: dict[str, Number | Ends | None] = {}
    severity_auc: dict[str, _Curve] = {}
    provenance: dict[str, Any] = {}
    others: list[_Content] = []
    differences: list[_Difference] = []
    methods: list[_Method] = []
    method_differences: list[_MethodDifference] = []


def summary_path(path: str | Path) -> Path:
    """The file itself; a folder gets its name added."""
    path = Path(path)
    return path / NAME if path.is_dir() else path


def write_content(path: str | Path, content: dict[str, Any]) -> Path:
    """Write it with its checksum, whole or not at all."""
    # Whoever describes a policy may use values that JSON has not, such as paths.
    values = json.loads(json.dumps(plain(content), default=str))
    return write_json(summary_path(path), values)


def read_content(path: str | Path, schema: int) -> dict[str, Any]:
    """The content of a summary.

    Raises:
        DataError: the file is missing, a link, damaged, altered, or of another schema or shape.
    """
    path = summary_path(path)
    if path.is_symlink():  # a run folder of somebody else's shows what lies in it, nothing else
        raise DataError(f"{path} is a link: give the file that it leads to")
    if not path.exists():
        raise DataError(f"cannot read {path} (no such file): evaluate first")
    content: dict[str, Any] = read_json(path, dict[str, Any], _MEND)
    if content.get("schema") != schema:
        found = str(content.get("schema"))[:40]
        raise DataError(f"{path} has schema {found} and this version reads {schema}: {_MEND}")
    shaped = as_shape(content, _Content, f"{path} is no summary", _MEND)
    for one in (shaped, *shaped.others):
        check_foreign_id(one.env, str(path))
    return content
