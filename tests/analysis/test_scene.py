"""A policy measured along trajectories, then drawn, tabled and written."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from lrs_lightning.analysis.dynamics import DynamicsOptions
from lrs_lightning.analysis.folder import write_folder
from lrs_lightning.analysis.run import PIXELS, analyse, default_folder
from lrs_lightning.analysis.scene import DISTURBANCE, disturb, measure_scene
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.table import COLUMNS, write_table
from lrs_lightning.analysis.trajectories import Trajectories
from lrs_lightning.analysis.weights import recurrent_matrices
from lrs_lightning.errors import ArgumentError, DataError

from .toys import games, observations, policy

OPTIONS = DynamicsOptions(burn_in=10, every=5, lags=12, windows=9, threads=1)


def trajectories(kind="common", condition="clean", seed=0, **sizes):
    seen = observations(seed=seed, **sizes)
    return Trajectories(kind, condition, seen, [1.0] * len(seen), list(range(len(seen))))


def shifted(clean):
    noisy = [o + np.float32(0.3) * np.sin(np.arange(len(o)))[:, None] for o in clean.observations]
    return Trajectories(clean.kind, "noise@2", noisy, clean.returns, clean.seeds)


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_a_replay_gives_the_policys_own_actions(cell):
    own = policy(cell)
    subject = Subject.of_policy(own)
    seen = observations()
    features, valid = subject.features(seen)
    replay = subject.recurrence.replay(features)
    actions = subject.read_out(replay.state[..., subject.recurrence.output])
    expected, _ = own.unroll(torch.from_numpy(np.stack(seen)))
    assert valid.all()
    torch.testing.assert_close(
        actions.transpose(0, 1).float(), expected.detach(), rtol=0, atol=1e-5
    )


def test_episodes_of_different_lengths_are_padded():
    subject = Subject.of_policy(policy())
    seen = [o[:length] for o, length in zip(observations(), (120, 30, 0), strict=True)]
    features, valid = subject.features(seen)
    assert features.shape == (120, 3, 6) and valid.sum(0).tolist() == [120, 30, 0]
    assert features[30:, 1].abs().max() == 0
    with pytest.raises(DataError, match="trajectories are empty"):
        subject.features([])


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_everything_is_measured_and_drawn(cell):
    own = policy(cell, num_layers=2 if cell == "gru" else 1)
    initial = recurrent_matrices(own.core)
    with torch.no_grad():
        for parameter in own.core.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    clean = trajectories()
    noisy = shifted(clean)
    pairs = {1: (clean, noisy)}
    subject = Subject.of_policy(own)
    found = analyse("run", subject, [clean, noisy], np.ones(5), initial, OPTIONS, pairs)
    assert list(found.scenes) == ["common, clean", "common, noise@2"]
    pictures, rows = found.pictures(), list(found.rows())
    names = [picture.name for picture in pictures]
    for name in ("weights", "jacobian", "lyapunov", "memory", "response", "trajectories"):
        assert name in names
    assert "gates-common-noise-2" in names
    for picture in pictures:
        assert picture.caption.endswith(".") and "nan" not in picture.caption
        for axes in picture.figure.axes:
            assert axes.get_xlabel() or axes.get_shared_x_axes()
    quantities = {row["quantity"] for row in rows}
    assert {"jacobian radius", "memory of the action", "response", "gate moved"} <= quantities


def test_a_folder_holds_figures_captions_and_table(tmp_path):
    found = analyse("run", Subject.of_policy(policy()), [trajectories()], np.ones(5), None, OPTIONS)
    pictures, rows = found.pictures()[:2], list(found.rows())
    folder = write_folder(tmp_path / "analysis", pictures, rows, {"env": "toy"})
    assert {path.name for path in folder.iterdir()} >= {
        "weights.png", "weights.svg", "jacobian.png", "jacobian.svg", "analysis.csv",
    }  # fmt: skip
    told = json.loads((folder / "figures.json").read_text())
    assert [one["name"] for one in told["figures"]] == ["weights", "jacobian"]
    assert told["env"] == "toy"
    with (folder / "analysis.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows) and tuple(table[0]) == COLUMNS


def test_means_in_the_table_are_those_that_were_measured(tmp_path):
    subject = Subject.of_policy(policy())
    found = analyse("run", subject, [trajectories()], np.ones(5), None, OPTIONS)
    scene = found.scenes["common, clean"]
    rows = list(found.rows())
    radius = next(row for row in rows if row["quantity"] == "jacobian radius")
    assert radius["value"] == pytest.approx(float(scene.dynamics.radius.mean()))
    assert radius["n"] == len(scene.dynamics.radius) == 3 * 22
    lost = [r for r in rows if r["quantity"] == "lyapunov exponent" and r["value"] == -math.inf]
    assert all(row["n"] == 3 for row in lost)
    assert {row["condition"] for row in rows if row["quantity"] == "singular value"} == {"trained"}


def test_a_parquet_table_says_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    found = analyse("run", Subject.of_policy(policy()), [], np.ones(5))
    rows = list(found.rows())
    write_table(tmp_path, rows)
    table = parquet.read_table(tmp_path / "analysis.parquet").to_pylist()
    assert [row["value"] for row in table] == [row["value"] for row in rows]


def test_episodes_that_end_at_once_are_told_as_such():
    subject = Subject.of_policy(policy())
    scene = measure_scene(subject, trajectories(steps=6), np.ones(5), OPTIONS)
    assert scene.response is None and len(scene.dynamics.radius) == 0
    found = analyse("run", subject, [trajectories(steps=6)], np.ones(5), None, OPTIONS)
    assert "too short" in next(p for p in found.pictures() if p.name == "lyapunov").caption


def test_layers_and_heads_of_anybody():
    layer, head = nn.LSTM(5, 7), nn.Linear(7, 3)
    subject = Subject.of_layer(layer, head=head)
    scene = measure_scene(subject, trajectories(), np.ones(5), OPTIONS)
    assert scene.dynamics.memory["action"].shape[1] == 13
    plain = measure_scene(Subject.of_layer(layer), trajectories(), np.ones(5), OPTIONS)
    assert set(plain.dynamics.memory) == {"state"}
    torch.testing.assert_close(plain.dynamics.radius, scene.dynamics.radius)


def test_logits_of_games_are_read_out():
    scene = measure_scene(Subject.of_policy(games()), trajectories(), np.ones(5), OPTIONS)
    assert scene.response is not None and float(scene.response.output[:, 0].mean()) > 0


def test_disturbed_pixels_stay_pixels():
    random = np.random.default_rng(0)
    seen = np.full((50, 4, 8, 8), 250, np.uint8)
    noisy = disturb(seen, PIXELS, random)
    assert noisy.dtype == np.uint8 and noisy.max() == 255 and noisy.min() < 200
    floats = disturb(np.zeros((4000, 2), np.float32), np.array([1.0, 10.0]), random)
    assert floats.dtype == np.float32
    assert floats.std(0) == pytest.approx([DISTURBANCE, 10 * DISTURBANCE], rel=0.1)


def test_policies_that_cannot_be_analysed():
    with pytest.raises(ArgumentError, match="FeedForward has no recurrent state"):
        Subject.of_policy(policy("mlp"))
    with pytest.raises(ArgumentError, match="FrameStack has no recurrent state"):
        Subject.of_policy(policy("stack"))
    broken = policy()
    with torch.no_grad():
        next(broken.core.parameters()).fill_(torch.nan)
    with pytest.raises(DataError, match="are not finite: training diverged"):
        Subject.of_policy(broken)


def test_where_the_folder_of_a_run_lies(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    assert default_folder(run) == run / "analysis"
    assert default_folder(run / "checkpoints" / "last.ckpt") == run / "analysis"
    assert default_folder(tmp_path / "one.ckpt") == tmp_path / "analysis"
