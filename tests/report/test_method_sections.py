"""What the page and the terminal say of methods is what was counted over their seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lrs_lightning.errors import ArgumentError
from lrs_lightning.report import write_report
from lrs_lightning.report.answer_section import answer
from lrs_lightning.report.ending_section import endings
from lrs_lightning.report.method_sections import method_differences, methods
from lrs_lightning.report.runs import Comparison, gather, read_run
from lrs_lightning.report.sections import cards, differences
from lrs_lightning.report.table import closing
from lrs_lightning.report.wording import between, between_shares, number, p_value, share, with_sign
from lrs_lightning.statistics.methods import ONE_SEED
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import summarize, summarize_all
from tests.evaluation.fakes import rows
from tests.report.test_sections import Tables

REFERENCES = {"expert": 10_000.0, "random": -200.0}
MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@2": 5000.0}


def about(method: str, seed: int) -> dict[str, Any]:
    return {"seeds": {"training": seed}, "configuration": {"model.rank": method}}


def played(method: str, seed: int, gap: float) -> list[Row]:
    luck = 50.0 * ((seed * 7) % 5 - 2)
    return rows({k: v + luck - gap for k, v in MEANS.items()}, "policy", episodes=6)


def run(folder: Path, method: str, seed: int, gap: float = 0.0, told: bool = True) -> Path:
    own = played(method, seed, gap)
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(own)
    summarize(own, REFERENCES, about(method, seed) if told else {}).write(folder)
    return folder


def study(folder: Path, gap: float = 2000.0, told: bool = True) -> list[Path]:
    return [
        run(folder / f"{method}{seed}", method, seed, gap * (method == "dense"), told)
        for method in ("lrs", "dense")
        for seed in range(5)
    ]


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    return gather([read_run(folder) for folder in study(tmp_path)])


def test_runs_are_grouped_and_the_answer_stands_first(found: Comparison) -> None:
    first = Tables(answer(found)).text
    assert "rank lrs against rank dense, 5 and 5 training seeds, in pairs: better in " in first
    assert "clean, mass@1, mass@2, all shifts (of 4 comparisons)." in first
    text = Tables(methods(found)).text
    for method in found.methods:
        mean = share(method.headline["mean_over_shifts"])
        assert f"{method.name}: 5 training seeds; mean over shifts {mean} of expert" in text
        assert f"worst shift mass@2: {share(method.headline['worst'])}" in text


def test_the_table_of_methods_cell_by_cell(found: Comparison) -> None:
    ((head, *body),) = Tables(methods(found)).tables
    assert head == ["shift", "method", "return", "95 % over seeds", "IQM over seeds", "of expert",
                    "of own clean", "each seed", "episodes"]  # fmt: skip
    expected = [
        [
            name, m.name, number(c.return_mean), between(c.return_ci95), number(c.return_iqm),
            share(c.expert_normalized), share(c.retention), ", ".join(map(number, c.by_seed)), "30",
        ]
        for name in MEANS for m in found.methods for c in m.conditions if c.condition == name
    ]  # fmt: skip
    assert body == expected and len(body) == 6


def test_the_table_of_differences_cell_by_cell(found: Comparison) -> None:
    ((head, *body),) = Tables(method_differences(found)).tables
    assert len(head) == 10 and body[0][0] == "all shifts"
    ordered = [found.method_differences[-1], *found.method_differences[:-1]]
    for row, d in zip(body, ordered, strict=True):
        assert row == [
            d.condition, "rank lrs - rank dense", with_sign(d.difference), between(d.ci95),
            p_value(d.p_holm), number(d.at_equal_clean), between(d.at_equal_clean_ci95),
            share(d.improvement), between_shares(d.improvement_ci95), "5 pairs",
        ]  # fmt: skip
    assert "4 comparisons; p values are corrected for them (Holm)" in str(method_differences(found))


def test_where_methods_are_compared_no_pairs_of_runs_are(found: Comparison) -> None:
    assert found.differences == [] and differences(found) is None


def test_equal_methods_are_not_coloured(tmp_path: Path) -> None:
    same = gather([read_run(folder) for folder in study(tmp_path, gap=0.0)])
    part = method_differences(same)
    assert part is not None and part.text.count('<b class="">') == 4
    assert "no clear difference in any of 4 comparisons" in Tables(answer(same)).text


def test_runs_that_say_nothing_of_their_seeds_are_grouped_by_name(tmp_path: Path) -> None:
    folders = study(tmp_path, told=False)
    assert methods(gather([read_run(folder) for folder in folders])) is None
    groups = {"low": folders[:5], "full": [folders[5], "dense1", folders[7]]}
    page = write_report(
        folders[:8], tmp_path / "r.html", {k: list(map(str, v)) for k, v in groups.items()}
    )
    text = page.read_text()
    assert "low against full, 5 and 3 training seeds: better" in text
    only = write_report([folders[0]], tmp_path / "s.html", {"low": [str(f) for f in folders[:3]]})
    assert "low: 3 training seeds" in only.read_text()
    with pytest.raises(ArgumentError, match="there is no such policy"):
        write_report(folders, tmp_path / "t.html", {"low": ["lrs9"]})


def test_a_checkpoint_of_the_same_seeds_is_told_and_not_counted(tmp_path: Path) -> None:
    folders = [run(tmp_path / "a", "lrs", 0), run(tmp_path / "b", "lrs", 1)]
    folders.append(run(tmp_path / "again", "lrs", 0))
    text = Tables(methods(gather([read_run(folder) for folder in folders]))).text
    assert "again has the training seeds of a, is no second draw, and does not count" in text


def test_one_run_says_nothing_of_its_method(tmp_path: Path) -> None:
    one = gather([read_run(run(tmp_path / "a", "lrs", 0))])
    assert methods(one) is None and ONE_SEED in Tables(cards(one)).text
    two = gather([read_run(run(tmp_path / name, name, 0)) for name in ("b", "c")])
    assert methods(two) is None and two.method_differences == []
    assert "Nothing is said about methods" in Tables(differences(two)).text


def test_a_run_beside_other_seeds_of_its_method_does_not_say_that_there_is_one(
    tmp_path: Path,
) -> None:
    folders = [run(tmp_path / name, "lrs", seed) for seed, name in enumerate("ab")]
    both = gather([read_run(folder) for folder in [*folders, run(tmp_path / "c", "dense1", 0)]])
    text = Tables(cards(both)).text
    assert text.count(ONE_SEED) == 1  # of the one that is alone
    assert text.count("over episodes of this run, those of its method over seeds") == 2


def test_the_terminal_says_the_same(tmp_path: Path) -> None:
    some = [
        {**row, "policy": f"{method}{seed}"}
        for method in ("lrs", "dense")
        for seed in range(5)
        for row in played(method, seed, 2000.0 * (method == "dense"))
    ]
    known = {f"{m}{s}": about(m, s) for m in ("lrs", "dense") for s in range(5)}
    summary = summarize_all(some, REFERENCES, known)
    console = Console(width=220, record=True)
    for part in closing(summary):
        console.print(part)
    text = " ".join(console.export_text().split())  # lines are broken where the table ends
    assert "rank lrs: 5 training seeds; mean over shifts" in text
    assert "in pairs: better in clean, mass@1, mass@2, all shifts (of 4 comparisons)" in text
    assert "4 comparisons; p values are corrected for them (Holm)" in text
    for method in summary.methods:
        for condition in method["conditions"]:
            assert between(condition["return_ci95"]) in text
    for d in summary.method_differences:
        assert number(d["difference"]) in text and p_value(d["p_holm"]) in text
    assert ONE_SEED not in text


def test_how_episodes_ended(tmp_path: Path) -> None:
    own = rows(MEANS, "p", episodes=6)
    for row in own:
        down = row["condition"] == "mass@2" and row["seed"] < 104
        row |= {"terminated": down, "success": None, "fell_at": row["seed"] if down else None}
        row["length"] = row["seed"] if down else 1000
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        writer.write_rows(own)
    found = gather([read_run(tmp_path)])
    part = Tables(endings(found))
    ((head, *body),) = part.tables
    assert head[1:5] == ["success", "95 % interval", "fell", "95 % interval"]
    assert body[2][3] == "0.67" and body[2][5:] == ["102", "401", "102"]
    assert body[0][3] == "0.00" and body[0][5] == "-"
    assert set(found.survival) == {("p", "mass@2")}
    assert found.survival["p", "mass@2"].share[-1] == pytest.approx(2 / 6)
    assert "<svg" in str(endings(found))
    assert endings(gather([read_run(run(tmp_path / "x", "lrs", 0))])) is None
