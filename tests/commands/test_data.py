"""`data S`: what a store holds, its warnings, tables and pictures."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from lrs_lightning.cli import main
from lrs_lightning.data import DataWarning, write_episodes
from lrs_lightning.data.profile import sparkline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    def recorded(seed):
        rng = np.random.default_rng(seed % 3)
        seen = rng.normal([0, 5], [1, 1e-7], (13, 2))
        more = {"rewards": np.ones(12), "terminated": seed == 0, "truncated": seed != 0}
        return {"observations": seen, "actions": rng.uniform(-1, 1, (12, 1)), **more}

    made = tmp_path_factory.mktemp("data") / "s"
    with pytest.warns(DataWarning):
        write_episodes(made, map(recorded, range(4)))
    return made


def test_the_page_says_what_is_there_and_what_looks_wrong(folder, capsys):
    assert main(["data", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "4 episodes, 48 steps of none" in told
    assert "returns 12 to 12, mean 12" in told and "1 terminated, 3 truncated" in told
    assert "near-constant channel (channel 1)" in told and "duplicate (episode 0 = 3)" in told
    (line,) = (line for line in told.splitlines() if line.startswith("observation 1"))
    assert line.split()[2] == "5"
    assert "action 0" in told and "label" not in told


def test_tables_and_pictures(folder, tmp_path, capsys):
    assert main(["data", str(folder), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"episodes.csv", "channels.csv", *(f"episode_{i}.png" for i in range(3))}
    rows = list(csv.DictReader((tmp_path / "out" / "episodes.csv").read_text().splitlines()))
    assert [row["terminated"] for row in rows] == ["True", "False", "False", "False"]
    assert (tmp_path / "out" / "episode_0.png").read_bytes().startswith(b"\x89PNG")


def test_a_store_goes_to_minari(folder, tmp_path, capsys):
    assert main(["data", str(folder), "--to", "minari", "--out", str(tmp_path / "m")]) == 0
    assert (tmp_path / "m" / "data" / "main_data.hdf5").is_file()
    assert main(["data", str(folder), "--to", "minari"]) == 2
    assert "--out is missing" in capsys.readouterr().err


def test_what_is_no_store_is_told(tmp_path, capsys):
    assert main(["data", str(tmp_path)]) == 2
    assert "no demonstrations in" in capsys.readouterr().err


def test_a_line_of_text_has_the_shape_of_its_histogram():
    assert sparkline(np.array([0.0, 0, 0, 0, 1])) == "█" + " " * 22 + "▂"
    assert sparkline(np.array([3.0])).count("█") == 1
