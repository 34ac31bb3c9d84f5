"""`sweep --search optuna`: what is proposed, what goes on after an end, the front."""

from __future__ import annotations

import csv
import json
import sys
from types import SimpleNamespace

import pytest
import yaml

from lrs_lightning.cli import main
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.training.sweep.search import Search, values_of

SPACE = {"rank": {"low": 1, "high": 8}, "sparsity": [0.0, 0.5], "lr": {"low": 1e-4, "high": 1e-2}}


def write_results(out, run, point, stopped=False):
    """What a member leaves: the smaller the rank, the better under shift and the smaller."""
    folder = out / "runs" / run.name / "members" / point.name
    folder.mkdir(parents=True)
    if stopped:
        return
    rank, seed = point.cell["rank"], point.seeds["seed"]
    shares = {"clean": 0.5 + 0.01 * seed, "mass": 0.4 - 0.01 * rank, "friction": 0.45}
    conditions = [{"condition": k, "expert_normalized": v} for k, v in shares.items()]
    content = {"policy": {"parameters": 100 * rank}, "conditions": conditions}
    (folder / "summary.json").write_text(json.dumps(content))


def read_results(folder):
    """The part of a summary that is looked at."""
    return SimpleNamespace(**json.loads((folder / "summary.json").read_text()))


@pytest.fixture
def search(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr("lrs_lightning.training.sweep.search.Summary.read", read_results)
    return lambda **options: Search(SPACE, {"seed": [0, 1]}, {}, 6, tmp_path, **options)


def test_a_search_goes_on_with_the_trials_it_was_at(search, tmp_path):
    trained = []

    def train(runs, broken=False):
        for run in runs:
            trained.append(run)
            for point in run.points:
                write_results(tmp_path, run, point, stopped=point.cell["trial"] == 1)
        return 1 if broken else 0

    first = search()
    assert first.size == 3
    assert first.batches(3, train) == 0
    asked = []
    assert search().batches(7, lambda runs: asked.extend(runs) or 1) == 1
    names = [point.name for run in asked for point in run.points]
    assert sorted(names) == [f"trial-{n},seed-{s}" for n in (3, 4, 5) for s in (0, 1)]
    again = search()
    assert again.batches(7, train) == 0
    assert [p.changes for run in trained[1:2] for p in run.points] == [
        p.changes for run in asked for p in run.points
    ], "other trials than those that were at work"
    assert [run.number for run in trained] == [0, 1, 2]
    assert len(again.points()) == 7 * 2
    front = again.front()
    ranks = [one["rank"] for one in front]
    assert len(set(ranks)) == 1 and 1 not in [one["trial"] for one in front], "it has stopped"
    assert front[0]["clean"] == pytest.approx(0.505), "the mean over seeds"
    assert front[0]["worst"] == pytest.approx(0.4 - 0.01 * ranks[0])
    assert front[0]["parameters"] == 100 * ranks[0]
    assert again.batches(7, train) == 0 and len(trained) == 3


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({}, "a search needs a grid"),
        ({"rank": 3}, "rank is 3, expected a list of values, or low and high"),
        ({"rank": {"low": 1, "hihg": 3}}, "expected a list of values, or low and high"),
        ({"rank": {"low": 5, "high": 3}}, "grid: rank: "),
    ],
)
def test_a_space_that_is_none(tmp_path, space, sentence):
    pytest.importorskip("optuna")
    with pytest.raises(ArgumentError, match=sentence):
        Search(space, {}, {}, 6, tmp_path)


def test_an_address_that_does_not_answer(search):
    with pytest.raises(DataError, match="the study sqlite:////nowhere/x.db cannot be opened"):
        search(storage="sqlite:////nowhere/x.db")


def test_without_optuna_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    words = ["sweep", "--search=optuna", f"--out={tmp_path / 'out'}", "--grid.rank=[1, 2]"]
    assert main(words) == 2
    assert "pip install 'lrs-lightning[search]'" in capsys.readouterr().err


def test_arms_are_no_part_of_a_search(tmp_path, capsys):
    words = ["sweep", "--search=optuna", f"--out={tmp_path / 'out'}", "--grid.rank=[1]", "--plan"]
    assert main(words) == 2
    assert "a search has neither arms nor --plan" in capsys.readouterr().err


def test_a_member_without_results_has_no_values(tmp_path):
    assert values_of(tmp_path) is None


@pytest.mark.long
def test_a_search_from_the_command_line(tiny_store, tmp_path, short_episodes, monkeypatch):
    pytest.importorskip("optuna")
    returns = {"expert": 9000.0, "random": -280.0}
    name = "lrs_lightning.evaluation.references.References.over"
    monkeypatch.setattr(name, lambda *_: returns)
    (tmp_path / "suite.yaml").write_text("- clean\n- mass@1\n")
    core = {"class_path": "RNN", "init_args": {"hidden_size": 4, "rank": 1}}
    fit = {
        "trainer": {"max_steps": 3, "accelerator": "cpu"},
        "data": {"path": str(tiny_store), "batches": 3, "window": 8, "burn_in": 2},
        "evaluation": {
            "suite": str(tmp_path / "suite.yaml"), "episodes": 1, "every_n_epochs": 0,
        },
        "model": {"policy": {"core": core}},
    }  # fmt: skip
    declared = tmp_path / "search.yaml"
    grid = {"rank": {"low": 1, "high": 3}, "sparsity": {"low": 0.0, "high": 0.8}}
    declared.write_text(yaml.safe_dump({"fit": fit, "grid": grid, "members": 2}))
    words = ["sweep", f"--config={declared}", "--search=optuna", f"--out={tmp_path / 'out'}"]
    assert main([*words, "--trials=4"]) == 0
    with (tmp_path / "out" / "pareto.csv").open() as file:
        front = list(csv.DictReader(file))
    assert front and {"rank", "sparsity", "clean", "worst", "parameters"} <= set(front[0])
    with (tmp_path / "out" / "cells.csv").open() as file:
        assert {row["trial"] for row in csv.DictReader(file)} == {"0", "1", "2", "3"}
