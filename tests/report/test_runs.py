"""Run folders, read and brought together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.report.runs import Run, gather, read_run
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import ResultsWriter, episode_row
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import fake_episode, rows

MEANS = {"mass@3": 5000.0, "clean": 9000.0}
REFERENCES = {"expert": 10_000.0, "random": -200.0}


def write(folder: Path, played: list[Row]) -> Path:
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(played)
    return folder


def test_a_run_is_read_with_its_summary(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", rows(MEANS))
    about = {"cell": "cfc", "rank": 8}
    told = summarize(rows(MEANS), REFERENCES, about, {"commit": "abc"})
    told.write(folder)
    run = read_run(folder)
    assert (run.folder, run.name, run.films) == (folder, "mine", [])
    assert run.summaries == [replace(told, aggregate={})]
    assert [row["condition"] for row in run.rows] == ["clean"] * 20 + ["mass@3"] * 20


def test_without_a_summary_the_lines_say_where_they_come_from(tmp_path: Path) -> None:
    origin = {"commit": "abc", "device": "cpu", "date": None, "note": "x"}
    folder = write(tmp_path / "a", rows(MEANS, episodes=3, **origin))
    (summary,) = read_run(folder / "results.jsonl").summaries
    assert summary.references == {} and summary.policy == {"name": "student"}
    assert summary.provenance == {"commit": "abc", "device": "cpu", "seeds": [100, 101, 102]}


def test_each_fact_of_the_last_line_is_told(tmp_path: Path) -> None:
    keys = ("run", "date", "commit", "device", "threads", "versions", "backend")
    for key in keys:
        told = read_run(write(tmp_path / key, rows(MEANS, episodes=2, **{key: "x"})))
        assert told.summaries[0].provenance == {key: "x", "seeds": [100, 101]}


def test_policies_stand_as_in_the_summary_then_as_they_were_played(tmp_path: Path) -> None:
    played = [r for name in "cab" for r in rows(MEANS, name, episodes=3)]
    folder = write(tmp_path / "a", played)
    summarize([r for r in played if r["policy"] == "b"]).write(folder)
    assert [s.name for s in read_run(folder).summaries] == ["b", "c", "a"]


def test_of_each_policy_the_last_training_step_counts(tmp_path: Path) -> None:
    played = [
        row
        for name, step, mean in (("a", 10, 1.0), ("a", 30, 3.0), ("b", 20, 2.0), ("c", None, 4.0),
                                 ("c", 99, 5.0))
        for row in rows({"clean": mean}, name, episodes=2, spread=0.0, step=step)
    ]  # fmt: skip
    found = read_run(write(tmp_path, played))
    means = {s.name: s.conditions[0]["return_mean"] for s in found.summaries}
    assert means == {"a": 3.0, "b": 2.0, "c": 4.0}
    assert len(found.rows) == 6


def test_one_task_in_a_results_file(tmp_path: Path) -> None:
    other = episode_row(fake_episode(env="Hopper-v5"))
    with pytest.raises(EnvironmentMismatchError, match=r"\['HalfCheetah-v5', 'Hopper-v5'\]"):
        read_run(write(tmp_path, [*rows(MEANS), other]))


def test_films_are_gifs_anywhere_in_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", rows(MEANS))
    (folder / "films" / "more").mkdir(parents=True)
    for name in ("z.gif", "films/b.gif", "films/more/a.gif"):
        (folder / name).write_bytes(b"GIF89a")
    (folder / "films" / "text.gif").write_text("no film")
    (folder / "films" / "c.png").write_bytes(b"GIF89a")
    (folder / "films" / "folder.gif").mkdir()
    found = [path.relative_to(folder).as_posix() for path in read_run(folder).films]
    assert found == ["films/b.gif", "films/more/a.gif", "z.gif"]


def run(name: str, *policies: str, env: str = "HalfCheetah-v5") -> Run:
    played = [{**r, "env": env} for p in policies for r in rows(MEANS, p, episodes=4)]
    own = [[r for r in played if r["policy"] == p] for p in policies]
    return Run(Path("/runs") / name, [summarize(part, REFERENCES) for part in own], played, [])


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([("a", "p")], ["p"]),
        ([("a", "p", "q")], ["p", "q"]),
        ([("a", "p"), ("b", "p")], ["a", "b"]),
        ([("a", "p"), ("a", "q"), ("a", "p")], ["a", "a-2", "a-3"]),
        ([("a", "p", "q"), ("b", "p")], ["a/p", "a/q", "b"]),
    ],
)
def test_names_tell_all_policies_apart(runs: list[tuple[str, ...]], names: list[str]) -> None:
    found = gather([run(name, *policies) for name, *policies in runs])
    assert [s.name for s in found.summaries] == names == list(found.returns.policies)
    assert found.env == "HalfCheetah-v5" and len(found.runs) == len(runs)
    pairs = len(names) * (len(names) - 1) // 2
    assert len(found.differences) == 2 * pairs
    assert found.shared.conditions == found.returns.conditions


def test_totals_are_over_the_conditions_that_all_played() -> None:
    short = rows({"clean": 8000.0, "friction@1": 100.0}, "q", episodes=4)
    other = Run(Path("/runs/b"), [summarize(short, REFERENCES)], short, [])
    wide = rows({**MEANS, "friction@1": 4000.0}, "p", episodes=4)
    found = gather([Run(Path("/runs/a"), [summarize(wide, REFERENCES)], wide, []), other])
    assert [c.name for c in found.shared.conditions] == ["clean", "friction@1"]
    assert len(found.returns.conditions) == 3
    for summary in found.summaries:
        (friction,) = [c for c in summary.conditions if c["shift"] == "friction"]
        told = summary.headline
        assert told["mean_over_shifts"] == pytest.approx(friction["expert_normalized"])
        assert told["worst_shift"] == "friction@1"


def test_runs_that_share_nothing_have_no_totals() -> None:
    clean, shifted = rows({"clean": 1.0}, episodes=3), rows({"mass@1": 1.0}, episodes=3)
    runs = [
        Run(Path("/runs") / name, [summarize(played, REFERENCES)], played, [])
        for name, played in (("a", clean), ("b", shifted))
    ]
    found = gather(runs)
    assert found.shared.conditions == () and [s.headline for s in found.summaries] == [{}, {}]


def test_what_cannot_be_brought_together_is_told() -> None:
    with pytest.raises(ArgumentError, match="give at least one run folder"):
        gather([])
    with pytest.raises(EnvironmentMismatchError, match=r"a \(HalfCheetah-v5\), b \(Hopper-v5\)"):
        gather([run("a", "p"), run("b", "p", env="Hopper-v5")])
