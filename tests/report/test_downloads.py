"""The CSV inside the page has every number, and gives no spreadsheet anything to compute."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re
from dataclasses import replace

import pytest

from lrs_lightning.report.downloads import downloads
from lrs_lightning.report.runs import Comparison, gather
from lrs_lightning.report.subjects import subjects
from tests.report.approved import check
from tests.report.test_page import study
from tests.report.test_sections import run


def contents(comparison: Comparison) -> dict[str, str]:
    text = downloads(comparison).text
    found = re.findall(r'data-csv="(\w+)" href="data:application/gzip;base64,([^"]+)"', text)
    return {name: gzip.decompress(base64.b64decode(data)).decode() for name, data in found}


def tables(comparison: Comparison) -> dict[str, list[dict[str, str]]]:
    content = contents(comparison)
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in content.items()}


def test_of_methods_and_of_runs_every_cell_is_the_approved_one() -> None:
    compared = (gather(study()), gather(study()[2:4]))
    parts = [f"{name}\n{text}" for each in compared for name, text in contents(each).items()]
    check("tables.csv", "\n".join(parts))


def test_every_episode_condition_and_difference_is_there() -> None:
    both = gather([run("good"), run("weak", 0.8)])
    found = tables(both)
    assert len(found["episodes"]) == len(both.rows) == 160
    for told, row in zip(found["episodes"], both.rows, strict=True):
        assert float(told["return"]) == pytest.approx(row["return"], rel=1e-5)
        assert (told["policy"], told["condition"]) == (row["policy"], row["condition"])
    for told, d in zip(found["differences"], both.differences, strict=True):
        assert (told["first"], told["second"], told["condition"]) == (d.a, d.b, d.condition)
        assert float(told["low"]) == pytest.approx(d.ci95[0], rel=1e-5)
    points = [p for s in subjects(both) for p in s.points.values()]
    for told, p in zip(found["conditions"], points, strict=True):
        assert float(told["return_mean"]) == pytest.approx(p.mean, rel=1e-5)
        assert float(told["of_expert"]) == pytest.approx(p.of_expert, rel=1e-5)


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\ta", "\r=a", 'a,"b"\nc'])
def test_names_are_text_for_a_spreadsheet_too(name: str) -> None:
    one = run("a")
    rows = [{**row, "policy": name} for row in one.rows]
    summary = replace(one.summaries[0], policy={"name": name})
    found = tables(gather([replace(one, summaries=[summary], rows=rows)]))
    told = found["episodes"][0]["policy"]
    assert not told.startswith(("=", "+", "-", "@", "\t")) and not {"\n", "\r"} & set(told)
    assert told.removeprefix("'") == name.replace("\n", " ").replace("\r", " ")
