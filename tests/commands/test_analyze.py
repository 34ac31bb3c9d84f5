"""`analyze` from the command line to the folder: figures, table, panels, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.commands import analyze_runs
from lrs_lightning.data import Task
from lrs_lightning.nn import PolicyConfig
from lrs_lightning.statistics import Summary
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.endings import endings
from lrs_lightning.training import ImitationModule

ENV_ID = "tests/Drift-v0"
SMALL = ["--episodes", "2", "--steps", "60", "--burn_in", "5", "--threads", "1"]


class Drift(gym.Env):
    """A point that is pushed about; it earns by lying near the middle. Sixty steps."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.time = self.np_random.normal(size=4).astype(np.float32), 0
        return self.place.copy(), {}

    def step(self, action):
        self.time += 1
        push = np.concatenate([action, action[::-1]]).astype(np.float32)
        self.place = (0.9 * self.place + 0.1 * push).astype(np.float32)
        return self.place.copy(), -float(np.abs(self.place).sum()), False, self.time >= 60, {}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    if ENV_ID not in gym.registry:
        gym.register(ENV_ID, entry_point=Drift)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder, core="cfc", seed=0, initial=True, **sizes):
    """A run folder with the checkpoints that `fit` leaves."""
    prior = {} if core == "mlp" else {"rank": 3}
    config = PolicyConfig.from_dict(
        {"core": {"name": core, "hidden_size": 6, **prior, **sizes}, "init_seed": seed}
    )
    module = ImitationModule(config)
    task = Task.of(ENV_ID, Drift.observation_space, Drift.action_space)
    module.build(task)

    def write(name, step):
        state = {
            "state_dict": module.state_dict(),
            "hyper_parameters": dict(module.hparams),
            "task": task.to_dict(),
            "global_step": step,
        }
        write_checkpoint(state, folder / "checkpoints" / name)

    if initial:
        write("initial.ckpt", 0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    write("last.ckpt", 7)
    return folder


@pytest.fixture
def undrawn(monkeypatch):
    """Arranging the figures takes most of the time; one test does it for all."""

    def save(figure, path, **_):
        Path(path).write_bytes(b"drawn")

    monkeypatch.setattr(Figure, "savefig", save)
    monkeypatch.setattr(analyze_runs, "write_board", lambda *_: None)


@pytest.fixture
def random_expert(monkeypatch):
    class Expert:
        def initial_state(self, num_envs):
            return None

        def step(self, observations, state, starts):
            return -observations[:, :2].clip(-1, 1), None

    monkeypatch.setattr(analyze_runs, "load_expert", lambda word, env: Expert())


@pytest.mark.slow
def test_a_run_is_looked_at_from_all_sides(here, capsys, random_expert):
    run = trained(here / "run")
    assert main(["analyze", str(run), "--shift", "sensor_noise@2", *SMALL]) == 0
    shown = capsys.readouterr().out
    assert "Training took the spectral radius of G from" in shown
    figures = json.loads((run / "analysis" / "figures.json").read_text())
    names = [one["name"] for one in figures["figures"]]
    assert names[0] == "weights" and "gates-common-sensor-noise-2" in names
    assert figures["seeds"] == [10_000, 10_001] and figures["env"] == ENV_ID
    table = (run / "analysis" / "analysis.csv").read_text()
    for kind in ("own,clean", "own,sensor_noise@2", "common,clean", "common,sensor_noise@2"):
        assert kind in table
    assert list((run / "analysis").glob("events.out.tfevents.*"))


def test_without_initial_weights_it_says_which_command_keeps_them(here, capsys, undrawn):
    run = trained(here / "run", "gru", initial=False)
    assert main(["analyze", str(run), "--trajectory", "own", *SMALL]) == 0
    shown = capsys.readouterr().out
    assert "has no checkpoints/initial.ckpt, so that ΔW is not known: `python -m" in shown
    assert "initial weights are not known" in shown


def test_one_gate_at_a_time_reads_clean_sensors(here, capsys, undrawn):
    run = trained(here / "run", "lstm")
    words = ["--trajectory", "own", "--shift", "sensor_noise@3", "--counterfactual", *SMALL]
    assert main(["analyze", str(run), *words]) == 0
    summary = json.loads((run / "analysis" / "counterfactual" / "summary.json").read_text())
    names = {one["policy"]["name"] for one in (summary, *summary["others"])}
    assert names == {"run", *(f"run ({gate} clean)" for gate in "ifgo")}
    clean = [d for d in summary["differences"] if d["condition"] == "clean" and d["a"] == "run"]
    assert [d["difference"] for d in clean] == [0, 0, 0, 0]  # nothing is shifted: nothing changes
    assert "In closed loop clean sight of one gate" in capsys.readouterr().out


def test_several_runs_are_compared(here, capsys, random_expert, undrawn):
    runs = [trained(here / f"run-{seed}", seed=seed) for seed in range(6)]
    for seed, run in enumerate(runs):
        conditions = [
            {
                **dict.fromkeys(ConditionSummary.__annotations__),
                **{key: [0.0, 1.0] for key in ConditionSummary.__annotations__ if "ci95" in key},
                "condition": name,
                "shift": name.partition("@")[0],
                "severity": int(name.partition("@")[2] or 0),
                "episodes": 3,
                "outcomes": 3,
                "endings": endings([]),
                "failed": 0,
                "return_mean": value,
                "expert_normalized": value,
            }
            for name, value in (("clean", 0.5 + 0.1 * seed), ("sensor_noise@2", 0.3 * seed % 0.7))
        ]
        Summary(ENV_ID, {"name": "policy"}, {}, conditions).write(run)
    words = [*map(str, runs), "--trajectory", "common", "--out", "comparison", *SMALL]
    assert main(["analyze", *words]) == 0
    shown = capsys.readouterr().out
    assert "proxies: Over 6 runs, " in shown and "comparison, common, clean: comparison" in shown
    table = (here / "comparison" / "analysis.csv").read_text()
    assert '"rank correlation, partial"' in table
    assert (here / "comparison" / "proxies.svg").is_file()


def test_few_runs_are_compared_without_proxies(here, capsys, random_expert, undrawn):
    runs = [str(trained(here / name, core)) for name, core in (("a", "cfc"), ("b", "rnn"))]
    assert main(["analyze", *runs, "--trajectory", "common", *SMALL]) == 0
    assert "proxies and robustness: not correlated, since" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("core", "words", "sentence"),
    [
        ("mlp", [], "FeedForward has no recurrent state to analyse"),
        ("cfc", ["--shift", "sensor_nose@2"], "unknown shift 'sensor_nose'"),
        ("cfc", ["--trajectory", "all"], "--trajectory"),
        ("cfc", ["--expert", "gone.zip"], "gone.zip"),
        ("cfc", ["--episodes", "0"], "--episodes"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(here, capsys, core, words, sentence):
    run = trained(here / "run", core)
    assert main(["analyze", str(run), *SMALL[2:], *words]) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("error: ") and sentence in told and "\n" not in told
    assert not (run / "analysis").exists()


def test_theory_is_drawn_by_one_command(here, capsys, undrawn):
    words = ["--hidden_size", "6", "--draws", "3", "--jacobian_draws", "2", "--out", "t"]
    assert main(["analyze", "theory", *words]) == 0
    names = {path.name for path in (here / "t").glob("*.png")}
    assert names == {f"theory-{n}.png" for n in ("radius", "norm", "decay", "jacobian")}
    assert capsys.readouterr().out.count("points") == 4
    assert main(["analyze", "--theory", "--draws", "1"]) == 2
    assert "draws is 1" in capsys.readouterr().err
