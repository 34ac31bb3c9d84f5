"""Columns and maps: text and NPZ become episodes, or a sentence says which cell is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrs_lightning.data import Ending
from lrs_lightning.data.importers import import_demonstrations, understand
from lrs_lightning.data.importers.columns import chosen
from lrs_lightning.data.importers.file_map import as_map, read_map
from lrs_lightning.errors import ArgumentError, DataError

SEEN = ["obs_a", "obs_b", "obs_c"]
DONE = ["action_0", "action_1"]


def rows(seed: int, steps: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (steps, width)).round(6)


def write_csv(path: Path, values: Any, names: Any = None, sign: str = ",") -> Path:
    lines = [] if names is None else [sign.join(names)]
    lines += [sign.join(f"{cell:.9g}" for cell in row) for row in values]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_map(folder: Path, text: str) -> Path:
    path = folder / "map.yaml"
    path.write_text(text)
    return path


def take(source: Path, out: Path, **more: Any) -> Any:
    return import_demonstrations(source, out, **({"env": "none"} | more))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize("sign", [",", ";", "\t", " "])
def test_csv_with_names(folder, tmp_path, sign):
    made = [rows(i, 5 + i) for i in range(3)]
    for i, values in enumerate(made):
        write_csv(folder / f"{i}.csv", values, [*SEEN, *DONE], sign)
    store = take(folder, tmp_path / "s")
    assert store.manifest["lengths"] == [5, 6, 7] and store.task.env == "none"
    for episode, values in zip(store, made, strict=True):
        np.testing.assert_array_equal(episode.observations, np.float32(values[:, :3]))
        np.testing.assert_array_equal(episode.actions, np.float32(values[:, 3:]))


def test_csv_without_names_is_as_wide_as_the_task(folder, tmp_path):
    values = rows(0, 6, 5)  # Pendulum: three observations, one action; and a reward
    write_csv(folder / "a.csv", values)
    store = take(folder, tmp_path / "s", env="Pendulum-v1")
    np.testing.assert_array_equal(store[0].rewards, np.float32(values[:, 4]))
    write_csv(folder / "a.csv", rows(0, 6, 7))
    with pytest.raises(DataError, match=r"7 columns without names.*4 columns, or 5 with rewards"):
        take(folder, tmp_path / "t", env="Pendulum-v1")
    with pytest.raises(DataError, match=r"7 columns without names: say with --map"):
        take(folder, tmp_path / "t")


MAPPED = """
observations: {columns: 0:3}
actions: {columns: 3:5, outside: clip, low: -0.5, high: [0.5, 0.25]}
labels: {columns: [6, 7]}
rewards: {column: 5, kind: cumulative}
episode: {by: 8}
drop: {first: 1}
time: 9
"""


def test_a_map_says_what_no_name_does(folder, tmp_path):
    values = np.concatenate(
        [
            rows(0, 9, 5),
            np.cumsum([[1, 2, 3, 4, 1, 2, 3, 4, 5]]).reshape(-1, 1),
            rows(1, 9, 2) / 10,
            np.array([[3.0] * 4 + [7.0] * 5]).T,
            np.arange(9.0).reshape(-1, 1) ** 2,
        ],
        axis=1,
    )
    write_csv(folder / "all.csv", values)
    store = take(folder, tmp_path / "s", map=write_map(tmp_path, MAPPED))
    assert store.manifest["lengths"] == [3, 4] and store.manifest["map"]["drop"] == {"first": 1}
    assert store.task.action_high == (0.5, 0.25)
    first = store[0]
    np.testing.assert_array_equal(
        first.actions, np.float32(np.clip(values[1:4, 3:5], -0.5, [0.5, 0.25]))
    )
    np.testing.assert_array_equal(first.labels, np.float32(values[1:4, 6:8]))
    assert first.rewards.tolist() == [2, 3, 4] and store[1].time.tolist() == [25, 36, 49, 64]
    assert store.origins[1].actor.endswith("all.csv, episode 7")


def test_17_to_23_is_no_time_of_day(tmp_path):
    told = read_map(
        write_map(tmp_path, "observations: {columns: 0:17}\nactions: {columns: 17:23, low: -1.5e0}")
    )
    assert told.observations.columns == "0:17" and told.actions.columns == "17:23"
    assert told.actions.low == -1.5
    assert read_map(write_map(tmp_path, told.to_yaml())) == told


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("observations: {columns: 0:3}", "missing required field actions"),
        ("observations: {columns: 0}\nactions: {columns: 1}\nrewad: 3", "unknown field rewad"),
        ("observations: {columns: 0}\nactions: {columns: 1, outside: cut}", "outside"),
        ("observations: {columns: 0}\nactions: {columns: 1}\ndrop: {first: -1}", "first"),
        ("a: !!python/object/apply:os.system ['true']", "is no YAML"),
        ("[", "is no YAML"),
    ],
)
def test_a_map_that_means_nothing_is_told(tmp_path, text, sentence):
    with pytest.raises(DataError, match=rf"map\.yaml.*{sentence}"):
        read_map(write_map(tmp_path, text))


def test_columns_by_place_name_pattern_and_brackets():
    names = ["obs/eef", "obs/grip", "obs/joint", "act_0", "act_1"]
    assert chosen("obs/[grip, eef]", names, "f") == ["obs/grip", "obs/eef"]
    assert chosen("act_*", names, "f") == ["act_0", "act_1"]
    assert chosen([0, "-2:", "obs/joint"], names, "f") == ["obs/eef", "act_0", "act_1", "obs/joint"]
    for selection, sentence in (
        ("obs/ee", "no column 'obs/ee': did you mean 'obs/eef'"),
        (9, "5 columns, and none at place 9"),
        ("7:9", "no column '7:9'"),
        (["act_0", 3], "'act_0' is chosen twice"),
    ):
        with pytest.raises(DataError, match=sentence):
            chosen(selection, names, "f")


def columns_of(values: np.ndarray, **more: Any) -> tuple[np.ndarray, list[str]]:
    extra = np.array([np.asarray(column, float) for column in more.values()]).T
    return np.concatenate([values, extra], axis=1), [*SEEN, *DONE, *more]


def test_flags_end_episodes_whichever_is_set(folder, tmp_path):
    values, names = columns_of(
        rows(0, 7), terminated=[0, 0, 1, 0, 0, 0, 0], truncated=[0, 0, 0, 0, 1, 0, 0]
    )
    write_csv(folder / "a.csv", values, names)
    store = take(folder, tmp_path / "s")
    assert store.manifest["lengths"] == [3, 2, 2]
    assert store.endings == [Ending(True, False), Ending(False, True), Ending(False, False)]


def test_an_episode_goes_on_across_what_is_read_at_once(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.data.importers.csv_text._ROWS", 4)
    for by, lengths in (("episode", [3, 6, 2]), ("done", [3, 6, 2])):
        number = [0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2]
        ends = [*np.diff(number).tolist(), 1]
        values, names = columns_of(rows(0, 11), **{by: number if by == "episode" else ends})
        write_csv(folder / "a.csv", values, names)
        store = take(folder, tmp_path / by)
        assert store.manifest["lengths"] == lengths
        together = np.concatenate([e.observations for e in store])
        np.testing.assert_array_equal(together, np.float32(values[:, :3]))


@pytest.mark.parametrize(
    ("alignment", "seen", "done", "final"),
    [
        ("obs_before_action", slice(0, 6), slice(0, 6), None),
        ("T+1", slice(0, 5), slice(0, 5), 5),
        ("obs_after_action", slice(0, 5), slice(1, 6), 5),
    ],
)
def test_actions_answer_what_was_seen_before_them(folder, tmp_path, alignment, seen, done, final):
    values = rows(0)
    write_csv(folder / "a.csv", values, [*SEEN, *DONE])
    text = f"observations: {{columns: 'obs_*'}}\nactions: {{columns: 3:5}}\nalignment: {alignment}"
    (episode,) = take(folder, tmp_path / "s", map=write_map(tmp_path, text))
    np.testing.assert_array_equal(episode.observations, np.float32(values[seen, :3]))
    np.testing.assert_array_equal(episode.actions, np.float32(values[done, 3:]))
    if final is None:
        assert episode.final is None
    else:
        np.testing.assert_array_equal(episode.final[0], np.float32(values[final, :3]))


def test_discrete_actions_that_are_counted_from_one(folder, tmp_path):
    values = np.concatenate([rows(0, 6, 4), [[1], [2], [2], [1], [2], [1]]], axis=1)
    write_csv(folder / "a.csv", values)
    text = "observations: {columns: 0:4}\nactions: {columns: 4}\ndiscrete: {offset: 1}"
    store = take(folder, tmp_path / "s", env="CartPole-v1", map=write_map(tmp_path, text))
    assert store[0].labels.tolist() == [0, 1, 1, 0, 1, 0]
    with pytest.raises(DataError, match="counted from one more: subtract 1"):
        take(folder, tmp_path / "t", env="CartPole-v1")
    with pytest.raises(ArgumentError, match="say how many there are"):
        take(folder, tmp_path / "t", map=tmp_path / "map.yaml")
    take(
        folder,
        tmp_path / "u",
        map=write_map(tmp_path, text.replace("offset: 1", "offset: 1, n: 2")),
    )
    values[2, 4] = 1.5
    write_csv(folder / "a.csv", values)
    with pytest.raises(DataError, match=r"actions at step 2 \(1.5\) is no whole number"):
        take(folder, tmp_path / "t", env="CartPole-v1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("obs_a,action_0\n1,2\n3,x\n", r"a.csv, line 3, column 1: 'x' is no number"),
        ("obs_a,action_0\n1,2\n3\n", "line 3 has 1 columns, expected 2"),
        ("obs_a,action_0\n1,2\n3,\n", "line 3, column 1: '' is no number"),
        ("obs_a,action_0\n", "has no rows"),
        ("", "begins with no row"),
        ("obs_a,obs_a,action\n1,2,3\n", "two columns are named 'obs_a'"),
        ("speed,torque\n1,2\n", "which columns are observations cannot be told"),
        ("obs_a,action_0\n1,nan\n", r"a.csv: actions at step 0, channel 0 \(nan\) is not finite"),
    ],
)
def test_text_that_is_no_table_is_named_by_line_and_column(folder, tmp_path, text, sentence):
    (folder / "a.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        take(folder, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_links_and_pipes_are_not_followed(folder, tmp_path):
    import os

    secret = write_csv(tmp_path / "secret.csv", rows(0), [*SEEN, *DONE])
    (folder / "a.csv").symlink_to(secret)
    with pytest.raises(DataError, match=r"a.csv is a link, which is not followed"):
        take(folder, tmp_path / "s")
    (folder / "a.csv").unlink()
    os.mkfifo(folder / "a.csv")
    with pytest.raises(DataError, match="is no regular file"):
        take(folder, tmp_path / "s")
    (folder / "a.csv").unlink()
    (tmp_path / "mine.csv").symlink_to(secret)  # what the user names may be a link
    assert len(take(tmp_path / "mine.csv", tmp_path / "s")) == 1


def test_npz_by_a_map(folder, tmp_path):
    values = rows(0, 7)
    np.savez(folder / "a.npz", pos=values[:, :2], grip=values[:, 2], u=values[:6, 3:])
    text = "observations: {columns: [pos, grip]}\nactions: {columns: u}"
    (episode,) = take(folder, tmp_path / "s", map=write_map(tmp_path, text))
    assert len(episode) == 6 and episode.final.shape == (1, 3)
    np.testing.assert_array_equal(episode.observations, np.float32(values[:6, :3]))


def test_npz_that_claims_more_than_it_holds_is_refused(folder, tmp_path):
    import io
    import zipfile

    header = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 3)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("observations.npy", header.getvalue())
        archive.writestr("actions.npy", header.getvalue())
    with pytest.raises(DataError, match="claims more than is stored"):
        take(folder, tmp_path / "s", env="Pendulum-v1")


def test_a_source_can_be_looked_at_without_writing(folder, tmp_path):
    values, names = columns_of(rows(0, 12), reward=np.cumsum(np.ones(12)))
    write_csv(folder / "a.csv", values, names)
    found = understand(folder, env="none")
    assert found.format == "csv" and found.map.rewards.column == "reward"
    assert found.columns["obs_a"] == () and len(found.episodes) == 1
    assert [finding.kind for finding in found.findings] == ["cumulative rewards"]
    assert as_map({"observations": {"columns": SEEN}, "actions": {"columns": DONE}}, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_places_are_those_of_the_file_and_not_of_what_is_read(folder, tmp_path):
    seen, done, junk = rows(0, 6, 3), rows(1, 6, 2), np.zeros(6)
    np.savez(folder / "x.npz", a=junk, b=seen, c=junk, d=done, e=junk)  # in this order
    text = "observations: {columns: 1}\nactions: {columns: '3:4'}\nrewards: {column: 4}"
    (episode,) = take(folder, tmp_path / "s", map=write_map(tmp_path, text))
    np.testing.assert_array_equal(episode.observations, np.float32(seen))
    np.testing.assert_array_equal(episode.actions, np.float32(done))
    beyond = write_map(tmp_path, "observations: {columns: 1}\nactions: {columns: 5}")
    with pytest.raises(DataError, match="5 columns, and none at place 5"):
        take(folder, tmp_path / "t", map=beyond)
