"""The table of the pilot is what its results make, and what is declared is what ran."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "results" / "pilot"
CONDITIONS = (
    *("clean", "sensor_noise@2", "sensor_dropout@2", "sensor_delay@1", "mass@2", "friction@5"),
)
NAMES = {"none": "no recurrence", "prior-8-0.5": "prior (8, 0.5)", "prior-2-0.8": "prior (2, 0.8)"}
KINDS = {"0": "plain", "0:0.4": "noisy"}


@pytest.mark.parametrize("noise", KINDS)
@pytest.mark.parametrize("arm", ["dense", "rescaled", "none", "prior-8-0.5", "prior-2-0.8"])
def test_the_page_shows_the_results(arm, noise):
    with (FOLDER / "cells.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (r["arm"], r["data.noise"]) == (arm, noise)]
    of = {row["condition"]: row for row in rows}
    assert {row["seeds"] for row in rows} == {"8"} and {row["stopped"] for row in rows} == {"0"}
    keys = ("of_expert", "of_expert_low", "of_expert_high")
    cells = [
        "{:.2f} [{:.2f}, {:.2f}]".format(*(float(of[name][key]) for key in keys))
        for name in CONDITIONS
    ]
    line = " | ".join([KINDS[noise], NAMES.get(arm, arm), *cells])
    assert f"| {line} |\n" in (FOLDER / "README.md").read_text()


def test_what_is_declared_is_what_ran():
    declared = yaml.safe_load((ROOT / "conf" / "study" / "pilot.yaml").read_text())
    assert declared == yaml.safe_load((FOLDER / "sweep.yaml").read_text())
