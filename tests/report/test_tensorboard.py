"""What TensorBoard gets: read back from a real event file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from torch.utils.tensorboard import SummaryWriter

from lrs_lightning.report.tensorboard import card, headline, log_hyperparameters, log_summary
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import summarize, summarize_all
from tests.evaluation.fakes import rows
from tests.report.approved import check


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
        "headline/clean_return", "headline/clean_of_expert", "headline/mean_over_shifts",
        "headline/worst_shift",
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
        self.texts: dict[str, str] = {}
        self.summaries = 0

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> None:
        self.scalars[tag] = (scalar_value, global_step)

    def add_figure(self, tag: str, figure: Figure, global_step: int) -> None:
        self.figures[tag] = global_step

    def add_text(self, tag: str, text_string: str, global_step: int) -> None:
        self.texts[tag] = text_string

    def _get_file_writer(self) -> Any:
        return self

    def add_summary(self, summary: Any) -> None:
        self.summaries += 1


def test_several_policies_stand_under_their_names() -> None:
    means = {"clean": 100.0, "mass@3": 50.0}
    played = [row for name in ("one", "two (best)") for row in rows(means, name, 3, spread=1.0)]
    summary, writer = summarize_all(played, {}, {}), Seen()
    log_summary(writer, summary, 7)
    assert list(writer.texts) == ["closed_loop/run"] and writer.summaries == 3
    assert {tag for tag in writer.scalars if not tag.startswith("headline/")} == {
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


def test_hyperparameters_stand_beside_the_headline(tmp_path: Path) -> None:
    """As the plugin reads them: in the run itself, with the names of its metrics."""
    about = {"configuration": {"model.lr": 0.01, "model.policy.core": "CfC", "model.dropout": None},
             "seeds": {"training": 3}}  # fmt: skip
    played = rows({"clean": 100.0, "mass@3": 50.0, "wind@1": 80.0}, spread=1.0)
    summary = summarize(played, {"expert": 100.0, "random": 0.0}, about)
    with SummaryWriter(str(tmp_path)) as writer:
        log_hyperparameters(writer, summary, 7)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    events = EventAccumulator(str(tmp_path)).Reload()
    plugin = events.SummaryMetadata
    content = {
        tag: plugin_data_pb2.HParamsPluginData.FromString(plugin(tag).plugin_data.content)
        for tag in ("_hparams_/experiment", "_hparams_/session_start_info")
    }
    metrics = content["_hparams_/experiment"].experiment.metric_infos
    assert {m.name.tag for m in metrics} == {
        "headline/clean_return", "headline/clean_of_expert", "headline/mean_over_shifts",
        "headline/worst_shift",
    }  # fmt: skip
    known = content["_hparams_/session_start_info"].session_start_info.hparams
    assert known["model.lr"].number_value == 0.01
    assert known["model.policy.core"].string_value == "CfC"
    assert known["seed.training"].number_value == 3
    (worst,) = events.Scalars("headline/worst_shift")
    assert worst.value == pytest.approx(summary.headline["worst"])


def test_the_headline_has_what_is_known() -> None:
    known = {"expert": 100.0, "random": 0.0}

    def told(means: dict[str, float], references: dict[str, float]) -> dict[str, float]:
        return headline(summarize(rows(means, "p", 3, spread=0.0), references))

    both = {"headline/mean_over_shifts": 0.25, "headline/worst_shift": 0.1}
    clean = {"headline/clean_return": 50.0, "headline/clean_of_expert": 0.5}
    shifted = {"mass@1": 40.0, "wind@2": 10.0}
    assert told({"clean": 50.0} | shifted, known) == pytest.approx(clean | both)
    assert told(shifted, known) == pytest.approx(both)
    assert told({"clean": 50.0}, known) == pytest.approx(clean)
    assert told({"clean": 50.0}, {}) == {"headline/clean_return": 50.0}


def test_the_card_shows_names_as_they_are() -> None:
    played = rows({"clean": 100.0, "mass@3": 50.0}, "a_*b*_<i>|$x$", spread=1.0)
    text = card(summarize(played, {}, {"rank": 8}))
    assert r"a\_\*b\*\_\<i\>\|\$x\$" in text and "| rank | 8 |" in text
    assert all(line.count(" | ") == 1 for line in text.splitlines()[2:])


def test_all_that_is_told_of_two_policies_is_the_approved() -> None:
    means = {"clean": 100.0, "mass@3": 50.0, "wind@1": 80.0}
    names = ("number\n  one", "two")
    played = [row for name in names for row in rows(means, name, 3, spread=1.0)]
    about = {
        "configuration": {"model.lr": 0.01, "model.policy.core": "CfC", "model.dropout": None},
        **{"seeds": {"training": 3}, "rank": 8, "quick": True},
    }
    references = {"expert": 100.0, "random": 12.3456789}
    summary, writer = summarize_all(played, references, {names[0]: about}), Seen()
    log_summary(writer, summary, 7, Returns.from_rows(played))
    numbers = [f"{tag} {value:.6g} at {step}" for tag, (value, step) in writer.scalars.items()]
    figures = [f"{tag} at {step}" for tag, step in writer.figures.items()]
    texts = [f"{tag}\n{text}" for tag, text in writer.texts.items()]
    check("tensorboard.txt", "\n".join([*numbers, *figures, *texts]) + "\n")
