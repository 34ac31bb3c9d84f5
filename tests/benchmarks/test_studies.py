"""The table of a study is what its results make, and what is declared is what ran."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from lrs_lightning.options.overlay import over
from lrs_lightning.statistics.between_seeds import mean_over_seeds

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
CONDITIONS = (
    *("clean", "sensor_noise@2", "sensor_dropout@2", "sensor_delay@1", "mass@2", "friction@5"),
)
NAMES = {"none": "no recurrence", "prior-8-0.5": "prior (8, 0.5)", "prior-2-0.8": "prior (2, 0.8)"}
KINDS = {"0": "plain", "0:0.4": "noisy"}
ARMS = ("dense", "rescaled", *NAMES)
ROWS = [("pilot", arm, noise) for arm in ARMS for noise in KINDS]
HIDDEN = ("positions", "walker-positions", "hopper-positions")
ROWS += [(study, arm, None) for study in HIDDEN for arm in ARMS]


@pytest.mark.parametrize(("study", "arm", "noise"), ROWS)
def test_the_page_shows_the_results(study, arm, noise):
    with (RESULTS / study / "cells.csv").open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["arm"], row.get("data.noise")) == (arm, noise)
        ]
    of = {row["condition"]: row for row in rows}
    assert {row["seeds"] for row in rows} == {"8"} and {row["stopped"] for row in rows} == {"0"}
    keys = ("of_expert", "of_expert_low", "of_expert_high")
    cells = [
        "{:.2f} [{:.2f}, {:.2f}]".format(*(float(of[name][key]) for key in keys))
        for name in CONDITIONS
    ]
    head = [NAMES.get(arm, arm)] if noise is None else [KINDS[noise], NAMES.get(arm, arm)]
    line = " | ".join([*head, *cells])
    assert f"| {line} |\n" in (RESULTS / study / "README.md").read_text()


@pytest.mark.parametrize("study", ["pilot", *HIDDEN])
def test_what_is_declared_is_what_ran(study):
    files = {name: ROOT / "conf" / "study" / f"{name}.yaml" for name in ("positions", study)}
    told = {name: yaml.safe_load(file.read_text()) for name, file in files.items()}
    declared = told[study]
    if study in HIDDEN[1:]:  # it lies over the first of them
        declared = over(told["positions"], declared)
    ran = yaml.safe_load((RESULTS / study / "sweep.yaml").read_text())
    assert declared == {key: value for key, value in ran.items() if value is not None}


def test_single_trainings_are_shown_as_they_ran():
    with (RESULTS / "positions" / "single_runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    page = (RESULTS / "positions" / "README.md").read_text()
    for condition in CONDITIONS:
        prior, dense = (
            np.array(
                [
                    float(row["expert_normalized"])
                    for row in rows
                    if (row["case"], row["condition"]) == (case, condition)
                ]
            )
            for case in ("positions", "positions, dense")
        )
        gains = prior - dense
        low, high = mean_over_seeds(gains[:, None], gains).interval()
        told = f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        assert f"| {condition} | {prior.mean():.3f} | {dense.mean():.3f} | {told} |\n" in page
        assert len(gains) == 8
