"""Whatever writes files: each writes its state number `value` into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from matplotlib.figure import Figure

import lrs_lightning.report
from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.folder import write_folder
from lrs_lightning.analysis.table import row
from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.data import append_episodes, write_store
from lrs_lightning.deployment import export_policy, exporting
from lrs_lightning.deployment.parity import Agreement
from lrs_lightning.documents import write_json
from lrs_lightning.expert_training.card import write_card
from lrs_lightning.expert_training.pqn_run import _Curve
from lrs_lightning.experts import build_q_network, save_pixel_expert
from lrs_lightning.files import naming, write_whole
from lrs_lightning.report import write_report
from lrs_lightning.statistics.merging import merge_results
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import summarize
from lrs_lightning.training.checkpoint_files import LAST, PREVIOUS
from tests.data.toys import TASK, episode
from tests.deployment.policies import BOX, policy
from tests.evaluation.fakes import rows

Write = Callable[[Path, int], object]


def checkpoint(folder: Path, value: int) -> None:
    state = {"global_step": value, "weights": torch.full((4000,), float(value))}
    write_checkpoint(state, folder / LAST, folder / PREVIOUS)


def store(folder: Path, value: int) -> None:
    write_store(folder / "demos", TASK, [episode(300, seed=value)], {})


def grown_store(folder: Path, value: int) -> None:
    if value == 1:
        store(folder, value)
    else:
        append_episodes(folder / "demos", [episode(300, seed=value)])


def results(folder: Path, value: int) -> None:
    with ResultsWriter(folder / "run" / "results.jsonl", sync_every=10) as writer:
        for one in rows({"clean": float(value)}, episodes=20):
            writer.write_rows([one])


def merged(folder: Path, value: int) -> None:
    merge_results([_run(folder, value)], folder / "merged.jsonl")


def summary(folder: Path, value: int) -> None:
    summarize(rows({"clean": float(value)}, episodes=3)).write(folder)


def report(folder: Path, value: int) -> None:
    with pytest.MonkeyPatch.context() as patch:  # to draw the page takes a second
        patch.setattr(lrs_lightning.report, "page", lambda _: f"<p>{value}</p>" * 1000)
        write_report([_run(folder, value)], folder / "report.html")


def exported(folder: Path, value: int) -> None:
    made = policy({"name": "cfc", "hidden_size": 4 + value, "rank": 2})
    with pytest.MonkeyPatch.context() as patch:  # to compare takes a second
        patch.setattr(exporting, "agreement", lambda *_: Agreement(0.0, 0, 1, 1, 0, "none"))
        export_policy(made, BOX, folder / "exported", "numpy")


def expert(folder: Path, value: int) -> None:
    torch.manual_seed(value)
    path = folder / "expert.safetensors"
    save_pixel_expert(build_q_network("small", 2), path, {"env": "ALE/Pong-v5"})


def card(folder: Path, value: int) -> None:
    weights = folder / "weights.safetensors"
    if not weights.exists():
        weights.write_bytes(b"weights")
    write_card(weights, {"value": value})


def analysis(folder: Path, value: int) -> None:
    figure = Figure(figsize=(1, 1))
    figure.text(0, 0, str(value))
    write_folder(folder, [Picture("one", figure, "what it shows")], [row(value=float(value))])


class Curve(_Curve):
    """One whose rows do not tell the time."""

    seconds = 0.0


def curve(folder: Path, value: int) -> None:
    """A training's learning curve goes on: two rows for each value."""
    with naming(folder):
        told = Curve(folder, 2 * (value - 1), 0.0, None)
        for number in (2 * value - 1, 2 * value):
            training = SimpleNamespace(decisions=number, finished=[1.0])
            told.row(training, dict.fromkeys(("loss", "value_mean", "epsilon"), 0.5))  # type: ignore[arg-type]
        told.close()


def _run(folder: Path, value: int) -> Path:
    """A finished run beside the disk, which nothing shall happen to."""
    run = folder.parent / f"run-{value}"
    if not run.exists():
        with ResultsWriter(run / "results.jsonl") as writer:
            writer.write_rows(rows({"clean": float(value)}, episodes=3))
    return run


WRITERS: dict[str, Write] = {
    "text": lambda folder, value: write_whole(folder / "a.txt", str(value) * 6000),
    "new folder": lambda folder, value: write_whole(folder / f"{value}" / "a.txt", "x"),
    "document": lambda folder, value: write_json(folder / "a.json", {"value": value}),
    "checkpoint": checkpoint, "store": store, "grown store": grown_store, "results": results,
    "merged": merged, "summary": summary, "report": report, "exported": exported,
    "expert": expert, "card": card, "analysis": analysis, "curve": curve,
}  # fmt: skip
