"""The whole page of a comparison, element by element, is the approved one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrs_lightning.report import ending_section, method_sections, sections
from lrs_lightning.report.answer_section import answer
from lrs_lightning.report.films import gif
from lrs_lightning.report.html import Markup
from lrs_lightning.report.page import page
from lrs_lightning.report.runs import Comparison, Run, gather
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.summary import summarize_each
from tests.evaluation.fakes import rows
from tests.report.approved import check

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@3": 50.0, "friction@3": -4.0}
REFERENCES = {"expert": 10_000.0, "random": 0.0}
ABOUT: dict[str, Any] = {
    "one": {"cell": "cfc", "hidden_size": 64, "rank": 8, "sparsity": 0.5, "parameters": 12_345},
    "two": {"cell": "lstm", "hidden_size": 32, "rank": None, "sparsity": 0.0},
    "expert": {"kind": "expert", "algorithm": "SAC", "source": "shipped"},
    "function": {"kind": "function", "source": "a:b"},
}
ORIGIN = {
    "run": "abc",
    "commit": None,
    "versions": {"numpy": "2.0", "torch": "2.10"},
    "seeds": [3, 4, 5],
    "left_out": ["mass@5", "wind@1"],
}
FAILED = {"return": None, "status": "failed", "error": "no motor"}


def played(policy: str, scale: float, means: dict[str, float] = MEANS) -> list[Row]:
    scaled = {name: scale * mean for name, mean in means.items()}
    return rows(scaled, policy, episodes=3)


def run(folder: Path, found: list[Row], references: Any, origin: Any = ORIGIN) -> Run:
    folder.mkdir()
    return Run(folder, summarize_each(found, references, ABOUT, origin), found, [])


def shown(runs: list[Run]) -> str:
    """The page without its style, its script and its films."""
    return by_line(page(gather(runs)))


def by_line(text: str) -> str:
    """An element a line."""
    text = re.sub(r"<style>.*?</style>", "<style/>", text, flags=re.DOTALL)
    text = re.sub(r"<script>.*?</script>", "<script/>", text, flags=re.DOTALL)
    text = re.sub(r"sha256-[\w+/=]+", "sha256-...", text)
    text = re.sub(r"base64,[\w+/=]+", "base64,...", text)
    text = re.sub(r'(?<= d=")M[^"]{200,}', shortened, text)
    return re.sub(r">(?=<)", ">\n", text)


def shortened(path: re.Match[str]) -> str:
    """Of a long path both ends, the number of its corners and their sum."""
    corners = re.findall(r"-?[\d.]+ -?[\d.]+", path[0])
    across, down = np.array([corner.split() for corner in corners], np.float64).sum(0)
    ends = f"{corners[0]} to {corners[-1]}{'Z' * path[0].endswith('Z')}"
    return f"{ends}, {len(corners)} corners, sum {across:.0f} {down:.0f}"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that stays."""
    # The package names its function `page` as this module is called.
    monkeypatch.setattr(import_module("lrs_lightning.report.page"), "__version__", "1.2.3")


def test_two_runs(tmp_path: Path) -> None:
    one = run(tmp_path / "one", played("one", 1.0), REFERENCES)
    fewer = {"clean": 9000.0, "mass@1": 7000.0, "wind@2": 10.0}
    two = run(tmp_path / "two", played("two", 0.9, fewer), REFERENCES, {"seeds": [3]})
    film = tmp_path / "one" / "films" / "clean <1>.gif"
    film.parent.mkdir()
    film.write_bytes(gif(np.zeros((4, 8, 8), np.uint8)))
    analysis = tmp_path / "two" / "analysis"
    analysis.mkdir()
    figures = [{"name": "gates", "caption": "F is <open>."}, {"name": "absent"}]
    (analysis / "figures.json").write_text(json.dumps({"figures": figures}))
    (analysis / "gates.svg").write_text("<svg/>")
    check("two_runs.html", shown([replace(one, films=[film]), two]))


def test_several_policies_of_one_run_of_which_one_fails(tmp_path: Path) -> None:
    found = [*played("expert", 1.0), *played("function", 0.5)]
    found[-1] |= FAILED
    check("one_run.html", shown([run(tmp_path / "run", found, {})]))


def test_a_policy_that_played_clean_alone(tmp_path: Path) -> None:
    found = played("nobody", 0.5, {"clean": 120.0})
    check("clean_alone.html", shown([run(tmp_path / "run", found, REFERENCES)]))


def test_a_policy_that_played_shifts_alone(tmp_path: Path) -> None:
    found = played("nobody", 0.5, {"mass@1": 7000.0, "wind@2": 900.0})
    check("shifts_alone.html", shown([run(tmp_path / "run", found, REFERENCES)]))


def test_long_tables_are_folded(tmp_path: Path) -> None:
    means = {"clean": 100.0} | {f"mass@{k}": 100.0 - k for k in range(1, 16)}
    found = [*played("one", 1.0, means), *played("two", 0.5, means)]
    text = shown([run(tmp_path / "run", found, REFERENCES, {})])
    check(
        "long.html",
        "\n".join(re.findall(r"<(?:summary|details|h2|p(?!ath)|div class).*", text)) + "\n",
    )


def written(part: Markup | None) -> str:
    assert part is not None
    return part.text + "\n"


def study(names: Sequence[str] = ("lrs", "lrs", "lrs", "dense", "dense", "lrs")) -> list[Run]:
    """Two methods, three training seeds of the one and two of the other, and a run played twice."""
    runs = []
    for k, name in enumerate(names):
        means = {
            "clean": 900.0 + 9 * k,
            "mass@1": 800.0 - 20 * k**2,
            "mass@3": 500.0 - 90 * k - 7 * k**2,
        }
        found = rows(means, f"p{k}", episodes=3)
        for row in found:
            down = row["condition"] == "mass@3" and row["seed"] < 101 + k
            row |= {"terminated": down, "success": row["seed"] == 102, "length": 50 if down else 90}
        known = {"seeds": {"training": k % 5}, "configuration": {"model.rank": name}}
        summaries = summarize_each(found, {"expert": 1000.0, "random": 0.0}, {f"p{k}": known}, {})
        runs.append(Run(Path("/runs") / f"run{k}", summaries, found, []))
    return runs


def only(name: str, runs: list[Run]) -> list[Run]:
    """The runs with one of their conditions."""
    found = []
    for run in runs:
        own = [row for row in run.rows if row["condition"] == name]
        (s,) = run.summaries
        summaries = summarize_each(own, s.references, {s.name: s.policy}, {})
        found.append(replace(run, summaries=summaries, rows=own))
    return found


@pytest.fixture(scope="module")
def methods() -> Comparison:
    return gather(study())


def test_methods_and_how_their_episodes_ended(methods: Comparison) -> None:
    parts = (method_sections.methods, method_sections.method_differences, ending_section.endings)
    check("methods.html", by_line("".join(written(part(methods)) for part in parts)))


def test_what_is_folded_of_methods_and_runs(
    methods: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sections, method_sections, ending_section):
        monkeypatch.setattr(module, "LONG", 1)
    ended = ending_section.endings(methods)
    compared = method_sections.method_differences(methods)
    of_runs = sections.differences(gather(methods.runs[:1] + methods.runs[3:4]))
    text = "".join(map(written, (method_sections.methods(methods), compared, ended, of_runs)))
    kept = r"</?(?:details|summary|table|div|h2|p(?!ath)|th).*"
    check("folded.html", "\n".join(re.findall(kept, by_line(text))) + "\n")


def test_in_the_clean_world_alone_nothing_stands_before_what_is_folded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (sections, method_sections):
        monkeypatch.setattr(module, "LONG", 0)
    methods, runs = (gather(only("clean", some)) for some in (study(), study()[2:4]))
    for part in (method_sections.method_differences(methods), sections.differences(runs)):
        text = written(part)
        assert text.count("<table") == text.count("<details") == 1


def test_steps_are_counted_from_0_in_short_episodes_too() -> None:
    runs = study()[:1]
    for row in runs[0].rows:
        row["length"] //= 10
    text = written(ending_section.endings(gather(runs)))
    assert re.findall(r'<text x="[\d.]+" y="[\d.]+">([\d.]+)', text) == ["0", "5"]


def test_successes_alone_are_told_without_curves() -> None:
    runs = study()[:1]
    for row in runs[0].rows:
        row |= {"terminated": False, "length": 90}
    (summary,) = summarize_each(runs[0].rows, {}, {}, {})
    text = written(ending_section.endings(gather([replace(runs[0], summaries=[summary])])))
    assert "<svg" not in text and "0.33" in text
    for row in runs[0].rows:
        row |= {"success": None}
    (summary,) = summarize_each(runs[0].rows, {}, {}, {})
    assert ending_section.endings(gather([replace(runs[0], summaries=[summary])])) is None


def test_the_answer_to_methods_to_runs_and_to_one(methods: Comparison) -> None:
    some = (methods, gather(methods.runs[:1] + methods.runs[3:4]), gather(methods.runs[:1]))
    check("answers.html", by_line("".join(written(answer(each)) for each in some)))


def test_the_answer_to_three_methods_and_to_three_runs() -> None:
    """Each stands against the best one; a method of two seeds may be that."""
    compared = gather(study(("a", "a", "b", "b", "c", "c")))
    assert {len(method.policies) for method in compared.methods} == {2}
    some = (compared, gather(study(("a", "b", "c"))))
    check("answers_to_three.html", by_line("".join(written(answer(each)) for each in some)))
