"""`sweep`: what is declared, what is trained, what is not trained again, the tables."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import yaml

from lrs_lightning.cli import main
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.report import write_report
from lrs_lightning.stopping import Interrupted
from lrs_lightning.training.sweep.launchers.local import LocalLauncher
from lrs_lightning.training.sweep.plan import points_of, runs_of
from lrs_lightning.training.sweep.running import FINISHED, Sweep, is_finished
from lrs_lightning.training.sweep.table import WORST, cell_lines

CONF = Path(__file__).parents[3] / "conf"
GRID = {"rank": [1, 2], "data.noise": ["0", "0:0.4"]}
ARMS = [{"name": "dense", "control": "Dense"}, {"name": "prior"}]
SEEDS = {"seed": [0, 1], "mask_seed": [5]}


def test_arms_grid_and_seeds_are_crossed():
    points = points_of(GRID, ARMS, SEEDS)
    assert len(points) == len({point.name for point in points}) == 2 * 2 * 2 * 2
    first = points[0]
    assert first.cell == {"arm": "dense", "rank": 1, "data.noise": "0"}
    assert first.method == "dense, rank 1, noise 0"
    assert first.seeds == {"seed": 0, "mask_seed": 5}
    assert first.changes["model.policy.core.control"] == "Dense"
    assert first.changes["model.policy.core.mask_seed"] == 5


def test_a_run_shares_what_members_cannot_differ_in():
    base = {"trainer": {"max_steps": 5}}
    points = points_of(GRID, ARMS, SEEDS)
    runs = runs_of(points, base, members=3)
    assert sorted(p.name for run in runs for p in run.points) == sorted(p.name for p in points)
    for run in runs:
        assert len(run.points) <= 3
        assert {p.changes["data.noise"] for p in run.points} == {run.configuration["data"]["noise"]}
        listed = run.configuration["population"]["members"]
        assert [one["name"] for one in listed] == [p.name for p in run.points]
        assert not any("data.noise" in one for one in listed)
        assert run.configuration["trainer"] == {"max_steps": 5}
    assert base == {"trainer": {"max_steps": 5}}
    # of one shape first, so that stacks are large
    controls = ["model.policy.core.control" in p.changes for p in points if "0:0.4" not in p.name]
    assert controls == sorted(controls, reverse=True)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (({}, [], {"seed": [0]}), "a sweep needs a grid or arms"),
        (({"rank": 2}, [], {}), "grid: rank is 2, expected a list of values"),
        (({}, [{"control": "Dense"}], {}), "each arm of a sweep needs a `name`"),
        (({"rank": [1, 1]}, [], {}), "two of its points are called 'rank-1'"),
    ],
)
def test_what_cannot_be_declared(declared, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        points_of(*declared)


def test_what_is_finished_is_not_trained_again(tmp_path):
    runs = runs_of(points_of({"rank": [1, 2, 3, 4]}, [], {}), {}, members=1)
    calls, lines = [], []

    def fit(words):
        calls.append(words)
        if len(calls) == 3:
            raise Interrupted(15)
        return 0

    study = Sweep(tmp_path, runs, LocalLauncher(fit), lines.append)
    with pytest.raises(Interrupted):
        study.train()
    (tmp_path / "runs" / "run-002" / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "run-002" / "checkpoints" / "last.ckpt").write_text("")
    assert study.train() == 0
    numbers = [next(w for w in words if "version" in w)[-3:] for words in calls]
    assert numbers == ["000", "001", "002", "002", "003"]
    assert not any("ckpt_path" in word for word in calls[2])
    assert f"--ckpt_path={tmp_path / 'runs' / 'run-002'}" in calls[3]
    assert lines[0] == "sweep: 4 members in 4 runs"
    assert "all 4 take about" in lines[1] and "2 of 4 members" in lines[3]
    assert "sweep: 4 members in 4 runs, 2 of them finished" in lines
    assert study.train() == 0 and len(calls) == 5


def test_a_run_that_fails_gives_the_exit_code_and_stopped_members_do_not(tmp_path):
    runs = runs_of(points_of({"rank": [1, 2]}, [], {}), {}, members=1)
    codes = iter([3, 2, 0])
    study = Sweep(tmp_path, runs, LocalLauncher(lambda words: next(codes)), lambda line: None)
    assert study.train() == 2
    assert [is_finished(tmp_path, run) for run in runs] == [True, False]
    assert study.train() == 0


def test_another_grid_needs_another_folder(tmp_path):
    study = Sweep(tmp_path, [], LocalLauncher(lambda words: 0))
    study.declare({"grid": {"rank": [100]}})
    study.declare({"grid": {"rank": [1]}})  # of which nothing was begun
    (tmp_path / "runs").mkdir()
    study.declare({"grid": {"rank": [1]}})
    with pytest.raises(DataError, match="holds a sweep of another grid"):
        study.declare({"grid": {"rank": [2]}})


def test_cells_are_means_over_seeds_with_intervals():
    lines = [
        {"rank": rank, "condition": "clean", "return": rank + seed, "of_expert": None,
         "steps_up": 10.0}
        for rank in (1, 2) for seed in (0.0, 2.0, 4.0)
    ]  # fmt: skip
    one, two = cell_lines(lines, ["rank"])
    assert (one["return"], two["return"], one["seeds"]) == (3.0, 4.0, 3)
    half = 4.302653 * 2 / 3**0.5  # t of 2 degrees of freedom, sd 2
    assert one["return_high"] - one["return"] == pytest.approx(half, rel=1e-6)
    assert one["of_expert"] is None and one["steps_up_low"] == 10.0
    assert cell_lines(lines[:1], ["rank"])[0]["return_low"] is None


def test_cells_count_who_has_stopped():
    line = {"arm": "a", "condition": "clean", "return": 1.0, "of_expert": 0.5, "steps_up": 10.0}
    stopped = [{"arm": "a"}, {"arm": "a"}, {"arm": "b"}]
    cells = {cell["arm"]: cell for cell in cell_lines([line], ["arm"], stopped)}
    assert (cells["a"]["seeds"], cells["a"]["stopped"], cells["a"]["return"]) == (1, 2, 1.0)
    assert (cells["b"]["seeds"], cells["b"]["stopped"], cells["b"]["return"]) == (0, 1, None)


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("sweep/plane.yaml", "36 members in 2 runs"),
        ("study/pilot.yaml", "80 members in 4"),
        ("study/positions.yaml", "40 members in 2"),
    ],
)
def test_shipped_declarations_are_planned(tmp_path, capsys, file, count):
    out = tmp_path / "out"
    assert main(["sweep", f"--config={CONF / file}", f"--out={out}", "--plan"]) == 0
    assert count in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--grid={rnk: [1, 2]}"], "unknown key 'rnk': did you mean 'rank'?"),
        (["--grid={data.windw: [8, 16]}"], r"run run-000 \(windw-8, ...\): .*data.window"),
        (["--arms", "{name: a, rank: 2}", "{name: b, data.noise: '0', rank: 99}"],
         r"run run-001 \(arm-b, ...\): population: member 'arm-b': rank is 99"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [["--plan"], []])
def test_what_no_run_would_take_is_told_before_any_is_trained(tmp_path, capsys, words, told, more):
    out = tmp_path / "out"
    assert main(["sweep", *words, f"--out={out}", *more]) == 2
    assert re.search(told, capsys.readouterr().err)
    assert not out.exists()


def test_what_is_finished_is_not_checked_again(tmp_path, monkeypatch, capsys):
    checked = []
    monkeypatch.setattr("lrs_lightning.training.dry_run.check_configuration", checked.append)
    monkeypatch.setattr("lrs_lightning.commands.sweep._fit", lambda words: 2)
    finished = tmp_path / "runs" / "run-000" / FINISHED
    finished.parent.mkdir(parents=True)
    finished.write_text("exit code 0\n")
    words = ["sweep", "--grid={rank: [1, 2]}", "--members=1", f"--out={tmp_path}"]
    assert main([*words, "--plan"]) == 0 and len(checked) == 2
    checked.clear()
    main(words)
    assert len(checked) == 1 and "1 of them finished" in capsys.readouterr().out


@pytest.fixture
def no_references(short_episodes, monkeypatch):
    returns = {"expert": 9000.0, "random": -280.0}
    name = "lrs_lightning.evaluation.references.References.over"
    monkeypatch.setattr(name, lambda *_: returns)


def test_a_sweep_from_the_command_line(tiny_store, tmp_path, capsys, no_references, monkeypatch):
    groups = []

    def watched(runs, out, methods):
        groups.append({name: len(own) for name, own in methods.items()})
        return write_report(runs, out, methods)

    monkeypatch.setattr("lrs_lightning.report.write_report", watched)
    suite = tmp_path / "suite.yaml"
    suite.write_text("- clean\n- mass@1\n")
    fit = {
        "trainer": {"max_steps": 3, "accelerator": "cpu"},
        "data": {"path": str(tiny_store), "batches": 3, "window": 8, "burn_in": 2, "batch_size": 4},
        "evaluation": {"suite": str(suite), "episodes": 1, "every_n_epochs": 0},
        "model": {"policy": {"core": {"class_path": "RNN", "init_args": {"hidden_size": 4}}}},
    }
    fit["model"]["policy"]["core"]["init_args"]["rank"] = 1
    grid = {"rank": [1, 2], "sparsity": [0.5]}
    declared = tmp_path / "sweep.yaml"
    content = {"fit": fit, "grid": grid, "seeds": {"seed": [0, 1]}, "members": 4}
    declared.write_text(yaml.safe_dump(content))
    words = ["sweep", f"--config={declared}", f"--out={tmp_path / 'out'}"]
    assert main([*words, "--plan"]) == 0
    assert "4 members in 1 runs" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main(words) == 0
    assert "measured on the first 4 members" in capsys.readouterr().out
    out = tmp_path / "out"
    with (out / "members.csv").open() as file:
        members = list(csv.DictReader(file))
    assert {line["condition"] for line in members} == {"clean", "mass@1", WORST}
    assert len(members) == 4 * 3
    with (out / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 2 * 3 and {cell["seeds"] for cell in cells} == {"2"}
    assert len(list((out / "maps").glob("*.png"))) == 6
    assert "rank-1,sparsity-0.5,seed-0" in {line["name"] for line in members}
    assert (out / "report.html").is_file()
    # Its methods are the cells of the sweep, with the seeds of each.
    assert groups[-1] == {"rank 1, sparsity 0.5": 2, "rank 2, sparsity 0.5": 2}
