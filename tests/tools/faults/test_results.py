"""Shares, intervals, and what is kept of a run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("mutmut")

from tools.faults import report
from tools.faults.results import Judgement, Judgements, Score, equivalents, wilson


def judgement(fault: str, by: str = "", **changes: object) -> Judgement:
    about = {"room": "toy", "file": "toy/a.py", "line": 3, "source": "s", "seconds": 1.5}
    change = '-a, "b"\n+a, None'
    found = "yes" if by else "no"
    return Judgement(
        **about | {"fault": fault, "change": change, "found": found, "by": by} | changes
    )


@pytest.mark.parametrize(
    ("hits", "trials", "expected"),  # solutions of (p - q)**2 = z**2 q (1 - q) / n
    [
        (0, 10, (0.0, 0.2775)),
        (10, 10, (0.7225, 1.0)),
        (95, 100, (0.8883, 0.9785)),
        (57, 60, (0.8630, 0.9829)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson(hits: int, trials: int, expected: tuple[float, float]) -> None:
    found = wilson(hits, trials)
    assert found == pytest.approx(expected, abs=1e-4)
    for end in found if 0 < hits < trials else ():
        distance = (hits / trials - end) / math.sqrt(end * (1 - end) / trials)
        assert abs(distance) == pytest.approx(1.959964)


def test_rows_come_back_and_an_edited_file_is_judged_anew(tmp_path: Path) -> None:
    kept = Judgements(tmp_path / "out")
    rows = [judgement("a"), judgement("b", by='tests/test_x.py::test[a,"b"\n]')]
    for row in rows:
        kept.add(row)
    kept.add(judgement("a", by="later"))
    again = Judgements(tmp_path / "out")
    assert [again.of(as_fault(r)) for r in rows] == [judgement("a", by="later"), rows[1]]
    assert again.of(as_fault(judgement("a", source="edited"))) is None
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["faults.csv"]


def as_fault(row: Judgement):
    from types import SimpleNamespace

    return SimpleNamespace(key=row.fault, source=row.source)


def test_equivalent_faults_are_counted_apart() -> None:
    judged = [judgement("a", by="t"), judgement("b", by="time"), judgement("c"), judgement("d")]
    score = Score.of("toy", 99, judged, {"d", "elsewhere"})
    assert (score.judged, score.counted, score.found, score.equivalent) == (4, 3, 2, 1)
    assert score.share == pytest.approx(2 / 3) and score.interval == wilson(2, 3)
    assert score.seconds == 6
    assert math.isnan(Score.of("toy", 0, [], []).share)


def test_a_fault_that_is_found_is_not_equivalent() -> None:
    judged = [judgement("a", by="t"), judgement("b")]
    assert Score.of("toy", 9, judged, ["a"]).equivalent == 0
    doubts = report.doubts(judged, {"a": "x", "b": "y", "c": "z"}, {"a", "b"})
    assert doubts == [
        "a, listed as equivalent, is found by t",
        "c, listed as equivalent, is no longer possible",
    ]


def test_the_text_shows_what_was_not_found_and_why_it_cannot_be() -> None:
    judged = [judgement("a", by="t"), judgement("b"), judgement("c", line=8)]
    text = "\n".join(report.missed(judged, {"c": "two names of one number"}))
    assert "Not found: 1" in text and "Equivalent: 1" in text
    assert text.index("`toy/a.py:3` (b)") < text.index("`toy/a.py:8` (c)")
    assert '-a, "b"\n+a, None' in text and "two names of one number" in text
    assert "(a)" not in text
    (*_, row) = report.table([Score.of("toy", 1234, judged, ["c"])])
    assert row == "| toy | 1,234 | 3 | 1 | 1 | 0.500 | 0.09 to 0.91 | 4 |"


def test_a_list_of_equivalent_faults(tmp_path: Path) -> None:
    path = tmp_path / "equivalent.yaml"
    assert equivalents(path) == {}
    path.write_text("")
    assert equivalents(path) == {}
    path.write_text("- fault: '0123'\n  reason: nothing reads it\n")
    assert equivalents(path) == {"0123": "nothing reads it"}
    path.write_text("- fault: '0123'\n")
    with pytest.raises(ValueError, match="an entry needs a `fault` and a `reason`"):
        equivalents(path)
