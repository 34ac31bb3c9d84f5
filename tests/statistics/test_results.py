"""A results file survives a kill at any byte, merges without loss, and says what is wrong."""

from __future__ import annotations

import json
import logging
import math
import random
from pathlib import Path

import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.statistics.merging import merge_results
from lrs_lightning.statistics.result_line import COLUMNS
from lrs_lightning.statistics.results import (
    ResultsWriter,
    episode_row,
    latest,
    read_results,
    stream_results,
)
from tests.evaluation.fakes import fake_episode, rows


def write(path: Path, count: int, **columns: object) -> list[dict[str, object]]:
    with ResultsWriter(path, columns) as writer:
        return [writer.write(fake_episode(seed=s, episode=s, return_=s / 3)) for s in range(count)]


def test_rows_come_back_with_every_column(tmp_path: Path) -> None:
    written = write(tmp_path / "run" / "results.jsonl", 5, run="abc", commit=None)
    read = read_results(tmp_path / "run")
    assert read == written
    assert [row["return"] for row in read] == [s / 3 for s in range(5)]  # to the last bit
    assert {*COLUMNS, "schema", "condition", "terminated", "run", "commit"} == set(read[0])


def test_how_an_episode_ended_is_told_where_it_is_known() -> None:
    known = {"outcome": "ab", "success": False, "fell_at": 0, "terminated": True}
    assert known.items() <= episode_row(fake_episode(**known)).items()
    assert not {"outcome", "success", "fell_at"} & set(episode_row(fake_episode()))


def test_a_line_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path / "results.jsonl")
    writer.write(fake_episode())
    assert len(read_results(tmp_path)) == 1
    writer.close()
    writer.close()


def test_nothing_is_left_of_a_file_without_a_line(tmp_path: Path) -> None:
    made, shared, given = tmp_path / "made", tmp_path / "shared", tmp_path / "given"
    given.mkdir()
    for folder in (made, shared, given):
        writer = ResultsWriter(folder / "results.jsonl")
        if folder == shared:  # somebody else puts a file there meanwhile
            (folder / "config.yaml").touch()
        assert (folder / "results.jsonl").is_file()
        writer.close()
    assert not made.exists(), "it was made for the file alone"
    assert [p.name for p in shared.iterdir()] == ["config.yaml"]
    assert given.is_dir() and not any(given.iterdir())


def test_a_file_that_somebody_else_took_away_is_no_obstacle(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        writer.path.unlink()
    assert not any(tmp_path.iterdir())


def test_a_file_of_an_earlier_run_stays_without_a_new_line(tmp_path: Path) -> None:
    written = write(tmp_path / "results.jsonl", 2)
    ResultsWriter(tmp_path / "results.jsonl").close()
    assert read_results(tmp_path) == written


@pytest.mark.parametrize("at_a_time", [1, 4])
def test_lines_are_synced_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    path, synced = tmp_path / "results.jsonl", []
    monkeypatch.setattr(
        "lrs_lightning.statistics.results.os.fsync",
        lambda handle: synced.append(path.read_bytes().count(b"\n")),
    )
    with ResultsWriter(path, sync_every=8) as writer:
        for _ in range(20 // at_a_time):
            writer.write_rows([episode_row(fake_episode())] * at_a_time)
    assert synced == [8, 16, 20]


@pytest.mark.parametrize("cut", range(1, 220, 7))
def test_cut_anywhere_whole_lines_are_kept_and_the_file_goes_on(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "results.jsonl"
    write(path, 3)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    whole = content[:-cut].count(b"\n") + (cut == 1)
    with caplog.at_level(logging.WARNING):
        assert len(read_results(path)) == whole
    torn = content[:-cut].split(b"\n")[-1] != b"" and cut != 1
    assert ("torn line" in caplog.text) == torn
    with ResultsWriter(path) as writer:
        writer.write(fake_episode(seed=99))
    assert [row["seed"] for row in read_results(path)] == [*range(whole), 99]


def test_merging_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    write(one, 4, run="a")
    write(two, 4, run="b")
    merged = merge_results([one, two, one], tmp_path / "all.jsonl")
    both = read_results(one) + read_results(two)
    assert merged == len(both) and both == read_results(tmp_path / "all.jsonl")


def test_rows_come_one_by_one(tmp_path: Path) -> None:
    """A damaged line is told when the stream comes to it, and not before."""
    file = tmp_path / "results.jsonl"
    write(file, 3)
    file.write_bytes(file.read_bytes() + b"no line\n")
    stream = stream_results(file)
    assert [next(stream)["seed"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="line 4 of"):
        next(stream)


def test_a_merge_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    one, out = tmp_path / "one.jsonl", tmp_path / "all.jsonl"
    write(one, 2)
    assert merge_results([one], out) == 2
    before = out.read_bytes()
    one.write_bytes(b"no line\n")
    with pytest.raises(DataError, match="line 1 of"):
        merge_results([one], out)
    assert out.read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_lines_of_old_are_given_a_checksum_when_they_are_merged(tmp_path: Path) -> None:
    one, out = tmp_path / "one.jsonl", tmp_path / "all.jsonl"
    row = episode_row(fake_episode())
    one.write_text(json.dumps(row))  # no checksum, no newline
    two = tmp_path / "two.jsonl"
    two.write_text(json.dumps(dict(reversed(row.items()))) + "\n")  # the same in another order
    assert merge_results([one, two], out) == 1
    assert read_results(out) == [row] and b"crc32" in out.read_bytes()


def test_the_last_row_of_an_episode_counts() -> None:
    failed = episode_row(fake_episode(status="failed", return_=0.0, error="it broke"))
    again, other = episode_row(fake_episode(return_=5.0)), episode_row(fake_episode(seed=7))
    assert failed["error"] == "it broke"
    assert latest([failed, other, again]) == [again, other]
    trained = episode_row(fake_episode(), step=100)
    assert latest([again, trained]) == [again, trained]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_return_that_is_no_number_has_failed(value: float, tmp_path: Path) -> None:
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        row = writer.write(fake_episode(return_=value))
    assert (row["status"], row["return"]) == ("failed", None)
    assert json.loads((tmp_path / "results.jsonl").read_text())["error"].startswith("the return is")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"garbage\n{}\n", "line 1 of .* is not a JSON object: delete it, the others can stay"),
        (b'{"schema": 2}\n', "has schema 2 and this version reads 1"),
        (b'{"policy": "a"}\n', "lacks env, shift, severity, episode, seed, return, length, status"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "results.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_results(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file.*give a results.jsonl or a run folder"):
        read_results(tmp_path / "nowhere.jsonl")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*: choose another folder"):
        ResultsWriter(tmp_path / "file" / "results.jsonl")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    real = os.write
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        writer.write(fake_episode())
        room = [40]

        def full(handle: int, data: bytes) -> int:
            if not room[0]:
                raise OSError(28, "No space left on device")
            taken = data[: room[0]]
            room[0] -= len(taken)
            return real(handle, taken)

        monkeypatch.setattr("lrs_lightning.statistics.results.os.write", full)
        with pytest.raises(DataError, match="No space left on device"):
            writer.write(fake_episode(seed=1))
        monkeypatch.undo()
    assert len(read_results(tmp_path)) == 1
    assert (tmp_path / "results.jsonl").read_bytes().endswith(b"\n")


def test_pandas_would_read_it_flat() -> None:
    assert all(
        value is None or isinstance(value, (str, int, float))
        for row in rows({"clean": 1.0})
        for value in row.values()
    )


def test_every_flipped_or_cut_byte_is_told_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    right = write(path, 2)
    whole, generator, told = path.read_bytes(), random.Random(0), 0
    for place in range(len(whole)):
        flipped = bytes([whole[place] ^ 1 << generator.randrange(8)])
        path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        try:
            read = read_results(path)
            # The newline at the end, or the name of the checksum's column.
            assert [{k: row[k] for k in right[0]} for row in read] in (right, right[:1])
        except DataError as error:
            told += "line" in str(error)
    assert told > 0.95 * len(whole)


def test_a_line_without_a_checksum_is_read_as_before(tmp_path: Path) -> None:
    right = write(tmp_path / "results.jsonl", 2)
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in right))
    assert read_results(tmp_path) == right


@pytest.mark.parametrize("column", [*COLUMNS, "step", "condition"])
@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, "text", -1, 1e308, True, "x" * 5000, 1 << 70, None]
)
def test_a_column_of_another_type_is_told(tmp_path: Path, column: str, value: object) -> None:
    row = episode_row(fake_episode()) | {column: value}
    (tmp_path / "results.jsonl").write_text(json.dumps(row) + "\n")
    right = {
        "policy": isinstance(value, str) and len(value) < 4097,
        "status": False,
        "return": value in (-1, 1 << 70),
        "step": value is None,
    }
    right["env"] = right["shift"] = right["policy"]
    right["condition"] = right["policy"] or value is None
    if right.get(column, False):
        assert read_results(tmp_path) == [row]
        return
    with pytest.raises(DataError, match="line 1 of .*results.jsonl") as caught:
        read_results(tmp_path)
    assert "\n" not in str(caught.value) and column in str(caught.value)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 50_000, "null", "3", '"x"'])
def test_a_line_that_is_no_row_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "results.jsonl").write_text(f"{line}\n")
    with pytest.raises(DataError, match="line 1 of .* is not a JSON object"):
        read_results(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere.jsonl", 1)
    (tmp_path / "results.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(DataError, match="is a link"):
        read_results(tmp_path)
