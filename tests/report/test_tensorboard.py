"""What TensorBoard gets: read back from a real event file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from lrs_lightning.report.tensorboard import log_summary
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import summarize, summarize_all
from tests.evaluation.fakes import rows


def test_numbers_and_figures_arrive(tmp_path: Path) -> None:
    played = rows({"clean": 100.0, "mass@3": 50.0}, spread=1.0)
    summary = summarize(played, {"expert": 100.0, "random": 0.0})
    with SummaryWriter(str(tmp_path)) as writer:
        log_summary(writer, summary, 7, Returns.from_rows(played))
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = events.Tags()
    assert set(tags["scalars"]) == {
        "closed_loop/return/clean", "closed_loop/return/mass_3",
        "closed_loop/of_expert/clean", "closed_loop/of_expert/mass_3",
        "closed_loop/of_own_clean/clean", "closed_loop/of_own_clean/mass_3",
        "closed_loop/all_shifts/iqm", "closed_loop/all_shifts/optimality_gap",
    }  # fmt: skip
    (event,) = events.Scalars("closed_loop/return/mass_3")
    assert event.step == 7
    assert event.value == pytest.approx(summary.conditions[1]["return_mean"])
    names = {tag.removeprefix("closed_loop/figures/") for tag in tags["images"]}
    assert names == {"returns", "severity", "heat_map/student", "profiles"}


class Seen:
    """Keeps what a `SummaryWriter` would write."""

    def __init__(self) -> None:
        self.scalars: dict[str, tuple[Any, int]] = {}
        self.figures: dict[str, int] = {}

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> None:
        self.scalars[tag] = (scalar_value, global_step)

    def add_figure(self, tag: str, figure: Figure, global_step: int) -> None:
        self.figures[tag] = global_step


def test_several_policies_stand_under_their_names() -> None:
    means = {"clean": 100.0, "mass@3": 50.0}
    played = [row for name in ("one", "two (best)") for row in rows(means, name, 3, spread=1.0)]
    summary, writer = summarize_all(played, {}, {}), Seen()
    log_summary(writer, summary, 7)
    assert set(writer.scalars) == {
        f"closed_loop/{policy}/{key}/{condition}"
        for policy in ("one", "two_best_")
        for key in ("return", "of_own_clean")  # without references there is no share of an expert's
        for condition in ("clean", "mass_3")
    }
    second = summary.all[1].conditions[1]
    assert writer.scalars["closed_loop/two_best_/return/mass_3"] == (second["return_mean"], 7)
    assert writer.figures == {
        f"closed_loop/figures/{name}": 7
        for name in ("returns", "severity", "heat_map/one", "heat_map/two_best_")
    }
