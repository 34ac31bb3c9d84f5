"""The folder of a training: when it is saved, what its curve says, and what may change later."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

pytest.importorskip("ale_py")

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training import pqn_run
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, CURVE, config_of, read_checkpoint

CONFIG = PQNConfig(
    num_envs=2, rollout_steps=5, minibatch=5, decisions=100, checkpoint_rollouts=3
)  # ten decisions in a rollout


class Training:
    """Counts what is asked of it and learns nothing; every third rollout ends an episode."""

    made: list[Training]

    def __init__(self, config: PQNConfig, device: str) -> None:
        self.config, self.device, self.decisions = config, device, 0
        self.finished: list[float] = []
        self.calls: list[str] = []
        self.games = SimpleNamespace(close=lambda: self.calls.append("close"))
        Training.made.append(self)

    def iterate(self) -> dict[str, float]:
        self.decisions += self.config.samples
        if self.decisions % 30 == 0:
            self.finished.append(self.decisions / 7)
        self.calls.append(f"play {self.decisions}")
        told = dict.fromkeys(("loss", "value_mean", "epsilon"), self.decisions / 3)
        return {**told, "grad_norm": 0.5}

    def restart_games(self) -> None:
        self.calls.append("restart")

    def state_dict(self) -> dict[str, Any]:
        self.calls.append("save")
        return {
            "config": asdict(self.config), "network": {"head.bias": torch.zeros(4)},
            "optimizer": {}, "generator": torch.zeros(1), "decisions": self.decisions,
            "finished": list(self.finished),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.decisions, self.finished = state["decisions"], list(state["finished"])


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    Training.made = []
    monkeypatch.setattr(pqn_run, "PQN", Training)
    clock = iter(range(10**6))  # every look at the clock takes a second
    monkeypatch.setattr(pqn_run.time, "perf_counter", lambda: float(next(clock)))

    def run(config: PQNConfig = CONFIG, **options: Any) -> Any:
        return pqn_run.train_expert(config, tmp_path / "new" / "folder", **options)

    run.folder = tmp_path / "new" / "folder"  # type: ignore[attr-defined]
    return run


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / CURVE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_saved_every_so_many_rollouts_and_at_the_end(train: Any) -> None:
    done = train(device="cpu")
    plays = [f"play {n}" for n in range(10, 101, 10)]
    middle = ["save", "restart"]
    expected = [*plays[:3], *middle, *plays[3:6], *middle, *plays[6:9], *middle, plays[9]]
    assert done.calls == [*expected, "save", "close"]
    assert read_checkpoint(train.folder / CHECKPOINT)["decisions"] == 100


def test_what_ends_at_a_checkpoint_is_not_saved_twice(train: Any) -> None:
    assert train(replace(CONFIG, decisions=60)).calls[-3:] == ["save", "restart", "close"]


def test_the_network_is_put_where_it_was_asked_for(train: Any) -> None:
    assert train().device == "cpu" and train(device="meta").device == "meta"


def test_it_goes_on_where_it_was_and_is_done_when_it_is_done(train: Any) -> None:
    train(deadline_s=0.0)
    more = train()
    assert more.calls[0] == "play 40" and more.decisions == 100
    assert train().calls == ["close"]


def test_time_is_counted_over_all_parts(train: Any) -> None:
    train(deadline_s=0.0)
    first = read_checkpoint(train.folder / CHECKPOINT)["seconds"]
    train()
    assert first > 0 and read_checkpoint(train.folder / CHECKPOINT)["seconds"] > first


def test_a_deadline_ends_it_at_a_checkpoint(train: Any) -> None:
    assert train(deadline_s=0.0).decisions == 30
    assert train(deadline_s=0.0).decisions == 60  # counted from where it went on
    assert train(deadline_s=1e9).decisions == 100


def test_the_curve_has_a_row_for_every_so_many_rollouts(train: Any) -> None:
    told: list[dict[str, Any]] = []
    train(log_rollouts=4, report=told.append)
    rows = curve(train.folder)
    assert [int(row["decisions"]) for row in rows] == [40, 80]
    assert [int(row["frames"]) for row in rows] == [160, 320]
    means = [30 / 7, (30 + 60) / 7 / 2]
    for row, mean, full in zip(rows, means, told, strict=True):
        decisions = int(row["decisions"])
        assert float(row["episodes_return"]) == round(mean, 2)
        assert float(row["seconds"]) > 0
        for name in ("loss", "value_mean", "epsilon"):
            assert float(row[name]) == round(decisions / 3, 5)
        assert full["decisions"] == decisions and full["grad_norm"] == 0.5
        assert full["loss"] == decisions / 3  # not rounded
    assert list(rows[0]) == [
        "decisions", "frames", "seconds", "episodes_return", "loss", "value_mean", "epsilon",
    ]  # fmt: skip


def test_by_default_every_tenth_rollout_has_a_row(train: Any) -> None:
    train(replace(CONFIG, decisions=210))
    assert [int(row["decisions"]) for row in curve(train.folder)] == [100, 200]


def test_before_an_episode_has_ended_its_return_is_unknown(train: Any) -> None:
    train(replace(CONFIG, decisions=20), log_rollouts=1)
    assert all(math.isnan(float(row["episodes_return"])) for row in curve(train.folder))


def test_rows_that_no_checkpoint_stands_for_are_played_again(train: Any) -> None:
    def interrupt(row: dict[str, Any]) -> None:
        if row["decisions"] == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(log_rollouts=1, report=interrupt)
    assert [int(row["decisions"]) for row in curve(train.folder)] == [10, 20, 30, 40, 50]
    train(log_rollouts=2)
    assert [int(row["decisions"]) for row in curve(train.folder)] == [10, 20, 30, 40, 60, 80, 100]


def test_tensorboard_gets_every_number_at_its_decision(train: Any) -> None:
    train(log_rollouts=3)
    events = EventAccumulator(str(train.folder)).Reload()
    names = ("loss", "value_mean", "epsilon", "grad_norm", "episodes_return")
    assert set(events.Tags()["scalars"]) == {f"expert/{name}" for name in names}
    found = [(e.step, e.value) for e in events.Scalars("expert/loss")]
    assert found == [(30, 10.0), (60, 20.0), (90, 30.0)]
    assert events.Scalars("expert/episodes_return")[0].value == pytest.approx(30 / 7)


def test_by_how_many_threads_may_change(train: Any) -> None:
    train(deadline_s=0.0)
    assert train(replace(CONFIG, threads=4)).decisions == 100


def test_nothing_else_may_change_and_all_that_did_is_told(train: Any) -> None:
    train(deadline_s=0.0)
    with pytest.raises(
        ArgumentError, match=r"lam \(was 0\.65, is 0\.1\), seed \(was 0, is 3\); giv"
    ):
        train(replace(CONFIG, seed=3, lam=0.1))


def test_a_checkpoint_tells_its_recipe(train: Any) -> None:
    train()
    state = read_checkpoint(train.folder / CHECKPOINT)
    state["config"]["of_another_version"] = 1
    assert config_of(state) == CONFIG


def test_what_lacks_a_part_is_no_checkpoint(tmp_path: Path) -> None:
    some = {"config": {}, "network": {}}
    for content, told in ((some, "it lacks decisions, finished"), ([1], "it holds a list")):
        torch.save(content, tmp_path / CHECKPOINT)
        with pytest.raises(DataError, match=told):
            read_checkpoint(tmp_path / CHECKPOINT)


@pytest.mark.parametrize("row", ["3x,12,1,1,1,1,1", "\\x00", "", "seven"])
def test_a_damaged_curve_is_named(tmp_path, row):
    path = tmp_path / CURVE
    path.write_text(f"decisions,frames\n{row}\n" if row else "other,columns\n1,2\n")
    with pytest.raises(DataError, match=r"curve.csv is damaged .*: delete it"):
        pqn_run._rows_until(path, 100)
