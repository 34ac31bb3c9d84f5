"""Summaries, results and references of somebody else's: read as their shape, or one sentence."""

from __future__ import annotations

import json
import random

import pytest

from lrs_lightning.errors import DataError, LrsError
from lrs_lightning.evaluation.references import FILE, References
from lrs_lightning.report.runs import read_run
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import Summary, summarize_all
from tests.evaluation.fakes import rows
from tests.reliability.opened import never_opened

MEANS = {"clean": 9000.0, "mass@3": 5000.0, "mass@1": 8000.0}


@pytest.fixture
def run(tmp_path):
    """A run folder with results, summary and references."""
    folder = tmp_path / "run"
    played = rows(MEANS, episodes=3) + rows(MEANS, policy="other", episodes=3)
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(played)
    references = {"expert": 10_000.0, "random": -200.0}
    summarize_all(played, references, {"student": {"rank": 8}}, {"commit": "a"}).write(folder)
    with ResultsWriter(folder / FILE) as writer:
        writer.write_rows(rows({"clean": 9000.0}, policy="expert", episodes=3))
    return folder


def changed(path, change):
    """Write a summary again without its checksum."""
    content = json.loads((path / "summary.json").read_text())
    content.pop("sha256")
    change(content)
    (path / "summary.json").write_text(json.dumps(content))


SUMMARIES = [
    (lambda s: s.update(env=3), r"\$\.env"),
    (lambda s: s.update(env="helper:X-v0"), "names a module to import"),
    (lambda s: s["others"][0].update(env="helper:X-v0"), "names a module to import"),
    (lambda s: s.update(policy=[]), r"\$\.policy"),
    (lambda s: s.update(references={"expert": "x"}), r"\$\.references"),
    (lambda s: s.update(references={"expert": 1e308}), r"\$\.references"),
    (lambda s: s.update(references=[1]), r"\$\.references"),
    (lambda s: s.update(conditions={}), r"\$\.conditions"),
    (lambda s: s["conditions"][0].pop("failed"), "missing required field failed"),
    (lambda s: s["conditions"][0].update(return_ci95=[1]), "return_ci95"),
    (lambda s: s["conditions"][0].update(severity="x"), "severity"),
    (lambda s: s.update(aggregate={"iqm": "x"}), r"\$\.aggregate"),
    (lambda s: s.update(severity_auc={"mass": []}), r"\$\.severity_auc"),
    (lambda s: s.update(provenance=3), r"\$\.provenance"),
    (lambda s: s.update(others=[3]), r"\$\.others"),
    (lambda s: s["differences"][0].update(ci95=None), "ci95"),
    (lambda s: s.update(schema=[]), "has schema"),
]


@pytest.mark.parametrize(("change", "sentence"), SUMMARIES)
def test_a_summary_is_of_its_shape(run, change, sentence):
    changed(run, change)
    for read in (Summary.read, read_run):
        with pytest.raises(DataError, match=rf"summary\.json.*{sentence}") as refused:
            read(run)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_hundred_damaged_summaries_of_a_hundred_are_named_or_change_nothing(run, kind):
    right, file = Summary.read(run), run / "summary.json"
    content, draw, named = file.read_bytes(), random.Random(0), 0
    for position in draw.sample(range(len(content)), 100):
        damaged = bytearray(content)
        if kind == "cut":
            del damaged[position:]
        else:
            damaged[position] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        try:
            assert Summary.read(run) == right
        except DataError as error:
            assert "summary.json" in str(error)
            named += 1
    assert named >= (100 if kind == "cut" else 60)  # what is left are spaces between the values


@pytest.mark.parametrize("name", ["summary.json", "results.jsonl", FILE])
def test_a_link_is_not_followed(run, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (run / name).rename(outside / name)
    (run / name).symlink_to(outside / name)
    with never_opened(outside), pytest.raises(DataError, match=f"{name} is a link"):
        References("HalfCheetah-v5", out=run) if name == FILE else read_run(run)
    if name != "summary.json":
        with never_opened(outside), pytest.raises(DataError, match=f"{name} is a link"):
            ResultsWriter(run / name)


@pytest.mark.parametrize("name", ["results.jsonl", FILE])
def test_a_row_never_has_a_module_imported(run, tmp_path, monkeypatch, name):
    (tmp_path / "helperenv.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with ResultsWriter(run / name) as writer:
        writer.write_rows(rows({"clean": 1.0}, env="helperenv:X-v0", episodes=1))
    with pytest.raises(LrsError, match="names a module to import"):
        References("HalfCheetah-v5", out=run) if name == FILE else read_run(run)
    assert not (tmp_path / "ran").exists()
