"""Many policies of one training: one table with a line for each."""

from __future__ import annotations

import io

from rich.console import Console

from lrs_lightning.report.table import overview
from lrs_lightning.statistics.summary import Summary, summarize_all
from tests.evaluation.fakes import rows

REFERENCES = {"expert": 10_000.0, "random": 0.0}


def summary(references: dict[str, float], *means: dict[str, float]) -> Summary:
    return summarize_all(
        [row for k, own in enumerate(means) for row in rows(own, f"member-{k}", 6)], references
    )


def lines(found: Summary) -> dict[str, list[str]]:
    shown = overview(found)
    cells = zip(*(list(column.cells) for column in shown.columns), strict=True)
    return {str(name): [str(cell) for cell in rest] for name, *rest in cells}


def test_each_policy_has_a_line_with_its_headline() -> None:
    one = {"clean": 9000.0, "mass@3": 5000.0, "friction@1": 7000.0}
    other = {"clean": 8000.0, "mass@3": 6000.0, "friction@1": 2000.0}
    found = summary(REFERENCES, one, other)
    told = lines(found)
    assert list(told) == ["member-0", "member-1"]
    assert [cells[-1] for cells in told.values()] == ["mass@3", "friction@1"]
    for cells, policy in zip(told.values(), found.all, strict=True):
        assert cells[1] == f"{policy.conditions[0]['expert_normalized']:.2f}"
        assert cells[2] == f"{policy.headline['mean_over_shifts']:.2f}"
        assert cells[3] == f"{policy.headline['worst']:.2f}"
    shown = overview(found)
    assert "are shares of the expert's return" in str(shown.caption)
    assert shown.title == f"2 policies on {found.env}"


def test_without_an_expert_they_are_returns_and_without_shifts_there_is_no_worst() -> None:
    found = summary({}, {"clean": 9000.0, "mass@3": 5000.0}, {"clean": 1.0, "mass@3": 2.0})
    assert [cells[1] for cells in lines(found).values()] == ["-", "-"]
    assert "shares" not in str(overview(found).caption)
    plain = summary(REFERENCES, {"clean": 9000.0}, {"clean": 8000.0})
    assert [cells[2:] for cells in lines(plain).values()] == 2 * [["-", "-", "-"]]
    assert "shares" not in str(overview(plain).caption)


def test_what_must_be_said_of_several_is_said_once_and_fits_a_terminal() -> None:
    good, poor = {"clean": 9000.0, "mass@3": 5000.0}, {"clean": 2.0, "mass@3": 1.0}
    found = summary(REFERENCES, *([good] * 22 + [poor] * 3))
    caption = str(overview(found).caption)
    assert caption.count("intervals are over episodes") == 1
    assert "of 3 of 25: its clean return is no yardstick" in caption
    console = Console(file=io.StringIO(), width=80)
    console.print(overview(found))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, printed.splitlines())) <= 80 and "member-24" in printed
