"""The page of runs that nobody can play."""

from __future__ import annotations

import json
from pathlib import Path

from lrs_lightning.report.offline_page import is_offline, terminal_table, write_offline_report
from tests.report.approved import check
from tests.report.test_page import by_line
from tests.report.test_table import screen

METRICS = {
    "env": "Arm <1>", "columns": ["mean error", "R2"], "steps": 1200, "loss": 0.25,
    "reason": "unknown environment",
    "actions": {"shoulder": [0.123456, None], "elbow": [1.0, -0.5]},
}  # fmt: skip


def test_a_terminal_shows_the_same_table() -> None:
    check("offline_in_a_terminal.txt", screen([terminal_table(METRICS)]))


def test_a_page_of_two_runs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "offline.json").write_text(json.dumps(METRICS))
    assert is_offline(tmp_path / "a")
    page = write_offline_report([tmp_path / "a", tmp_path / "b"], tmp_path / "page.html")
    check("offline.html", by_line(page.read_text(encoding="utf-8")))
    (tmp_path / "a" / "results.jsonl").touch()
    assert not is_offline(tmp_path / "a") and not is_offline(tmp_path)
