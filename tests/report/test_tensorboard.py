"""What TensorBoard gets: read back from a real event file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from lrs_lightning.report.tensorboard import log_summary
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import summarize
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
