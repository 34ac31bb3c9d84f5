"""A manifest is what makes a store: what is written, what older ones mean, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrs_lightning.data.demonstration import Ending, Origin
from lrs_lightning.data.manifest import (
    Part,
    compose,
    extend,
    parts_of,
    read_manifest,
    task_of,
    write_manifest,
)
from lrs_lightning.documents import checksum
from lrs_lightning.errors import DataError

SHA = "0123456789abcdef" * 4
TASK: Any = SimpleNamespace(to_dict=lambda: {"env": "Ant-v5"})


def written(length: int, return_: float, **origin: Any) -> Any:
    ending = Ending(terminated=True) if length == 7 else Ending()
    return SimpleNamespace(
        length=length,
        return_=return_,
        origin=Origin(**origin),
        ending=ending,
        digest=f"{length:032x}",
    )


def part(file: str = "episodes.h5", episodes: int = 2) -> Part:
    return Part(file, SHA, episodes)


def manifest(**changes: Any) -> dict[str, Any]:
    episodes = [written(5, 1.23456, seed=3), written(7, -2.0, noise=0.5)]
    return compose(TASK, [part()], episodes, {"expert": "shipped"}) | changes


def old(**changes: Any) -> dict[str, Any]:
    """A manifest of schema 1: one file, and lists of what is now the origin of each episode."""
    values = {
        "schema": 1,
        "task": {"env": "Ant-v5"},
        "sha256": SHA,
        "episodes": 3,
        "lengths": [5, 6, 7],
        "returns": [1.0, 2.0, 3.0],
        "expert": "shipped",
    }
    return {key: value for key, value in (values | changes).items() if value is not None}


def read(folder: Path, values: Any) -> dict[str, Any]:
    if isinstance(values, dict) and values.get("schema") == 3:
        values = values | {"sha256": values.get("sha256") or checksum(values)}
    (folder / "manifest.json").write_text(json.dumps(values))
    return read_manifest(folder)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    values = manifest()
    assert values == {
        "schema": 3,
        "task": {"env": "Ant-v5"},
        "expert": "shipped",
        "parts": [{"file": "episodes.h5", "sha256": SHA, "episodes": 2}],
        "episodes": 2,
        "steps": 12,
        "lengths": [5, 7],
        "returns": [1.235, -2.0],
        "origins": [{"seed": 3}, {"noise": 0.5}],
        "endings": [{}, {"terminated": True}],
        "digests": [f"{5:032x}", f"{7:032x}"],
    }
    write_manifest(tmp_path, values)
    assert read_manifest(tmp_path) == values
    assert parts_of(values) == [part()]


def test_a_part_is_added_behind_and_the_old_manifest_stays_as_it_was() -> None:
    values = manifest()
    more = extend(values, part("episodes-1.h5", 1), [written(2, 9.0, round=1)])
    assert values == manifest()
    assert parts_of(more) == [part(), part("episodes-1.h5", 1)]
    changed = {"parts", "episodes", "steps", "lengths", "returns", "origins", "endings", "digests"}
    assert {k: v for k, v in more.items() if k not in changed} == {
        k: v for k, v in values.items() if k not in changed
    }
    assert (more["episodes"], more["steps"]) == (3, 14)
    assert more["lengths"] == [5, 7, 2] and more["returns"] == [1.235, -2.0, 9.0]
    assert more["origins"] == [{"seed": 3}, {"noise": 0.5}, {"round": 1}]
    assert more["endings"] == [{}, {"terminated": True}, {}] and len(more["digests"]) == 3


def test_schema_2_reads_as_one_of_today_and_grows(tmp_path: Path) -> None:
    today = manifest()
    values = {k: v for k, v in today.items() if k not in ("endings", "digests")} | {"schema": 2}
    found = read(tmp_path, values)
    assert found == today | {"endings": [{}, {}], "digests": [None, None]}
    more = extend(found, part("episodes-1.h5", 1), [written(7, 9.0)])
    assert more["endings"] == [{}, {}, {"terminated": True}]
    write_manifest(tmp_path, more)
    assert read_manifest(tmp_path) == more


def test_an_older_manifest_reads_as_one_of_a_single_part(tmp_path: Path) -> None:
    values = read(tmp_path, old(seeds=[4, None, 6], noise=[0.0, 0.1, 0.2], validation=[2]))
    assert values["schema"] == 3 and "sha256" not in values
    assert parts_of(values) == [part(episodes=3)]
    expert = {"actor": "shipped", "labeller": "shipped"}
    assert values["origins"] == [
        expert | {"seed": 4},
        expert | {"noise": 0.1},
        expert | {"noise": 0.2, "seed": 6, "held_out": True},
    ]


def test_what_an_older_manifest_does_not_say_is_not_known(tmp_path: Path) -> None:
    assert read(tmp_path, old(expert=None))["origins"] == [{}, {}, {}]


@pytest.mark.parametrize(
    "changes",
    [{"seeds": [1, 2]}, {"noise": [0.0] * 4}, {"validation": [3]}, {"validation": [0, 9]}],
)
def test_lists_of_an_older_manifest_are_of_its_episodes(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match=r"contradicts itself \(3 episodes; and seeds, noise or"):
        read(tmp_path, old(**changes))
    read(tmp_path, old(validation=[0, 2]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lengths": [5]}, "2 episodes and 1 lengths"),
        ({"returns": []}, "2 episodes and 0 returns"),
        ({"origins": [{}] * 3}, "2 episodes and 3 origins"),
        (
            {"parts": [{"file": "episodes.h5", "sha256": SHA, "episodes": 1}]},
            "and the parts have",
        ),
        ({"parts": 2 * [{"file": "episodes.h5", "sha256": SHA, "episodes": 1}]}, "are one file"),
        ({"endings": [{}]}, "2 episodes and 1 endings"),
        ({"digests": []}, "2 episodes and 0 digests"),
        ({"steps": 13}, "13 steps, and the lengths add up to 12"),
    ],
)
def test_a_contradiction_is_told(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=rf"contradicts itself \(.*{sentence}.*\): collect"):
        read(tmp_path, manifest(**changes))


def test_a_manifest_of_today_has_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest()))
    with pytest.raises(DataError, match="altered .its checksum is missing"):
        read_manifest(tmp_path)


def test_steps_need_not_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, manifest(steps=None))["lengths"] == [5, 7]


@pytest.mark.parametrize("file", ["episodes.h5", "episodes-1.h5", "episodes-999999999.h5"])
def test_a_part_is_a_file_of_the_folder(tmp_path: Path, file: str) -> None:
    values = manifest(parts=[{"file": file, "sha256": SHA, "episodes": 2}])
    assert parts_of(read(tmp_path, values)) == [part(file)]
    for other in (f"../{file}", f"/{file}", f"{file}/x", f"{file}\n", f" {file}", f"a{file}"):
        values["parts"][0]["file"] = other
        with pytest.raises(DataError, match="manifest.json"):
            read(tmp_path, values)


@pytest.mark.parametrize(
    "file", ["", "other.h5", "episodes-.h5", "episodes-1234567890.h5", "episodes.hdf5"]
)
def test_any_other_file_is_none(tmp_path: Path, file: str) -> None:
    with pytest.raises(DataError, match="manifest.json"):
        read(tmp_path, manifest(parts=[{"file": file, "sha256": SHA, "episodes": 2}]))


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": SHA[:-1]},
        {"sha256": SHA.upper()},
        {"sha256": SHA + "\n"},
        {"episodes": 0},
        {"more": 1},
    ],
)
def test_a_part_says_its_checksum_and_size_and_nothing_else(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    values = {"file": "episodes.h5", "sha256": SHA, "episodes": 2} | changes
    with pytest.raises(DataError, match="manifest.json"):
        read(tmp_path, manifest(parts=[values]))


@pytest.mark.parametrize("schema", [0, 4, None, "2", "x" * 99])
def test_another_schema_is_refused(tmp_path: Path, schema: Any) -> None:
    shown = str(schema)[:40]
    with pytest.raises(DataError, match=rf"is not a manifest of schema 3 \({shown}\): collect"):
        read(tmp_path, manifest(schema=schema))


def test_an_altered_manifest_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    file = tmp_path / "manifest.json"
    file.write_text(file.read_text().replace("shipped", "shopped"))
    with pytest.raises(DataError, match="collect the demonstrations anew"):
        read_manifest(tmp_path)


def test_a_folder_without_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no demonstrations in {tmp_path}: collect some with"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match=f"^{tmp_path}/manifest.json: "):
        task_of({"task": {}}, tmp_path)
