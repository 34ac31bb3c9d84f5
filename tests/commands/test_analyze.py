"""`analyze` from the command line to the folder: figures, table, panels, and what it refuses."""

from __future__ import annotations

import json
import re
from glob import glob
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from lrs_lightning.analysis import table
from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.commands import analyze_runs
from lrs_lightning.commands.analyze_paths import distinct, run_folders
from lrs_lightning.data import Task
from lrs_lightning.envs import describe
from lrs_lightning.nn import PolicyConfig
from lrs_lightning.statistics import Summary
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.endings import endings
from lrs_lightning.training import ImitationModule
from tests.reading import ROOT, commands

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


def trained(folder, core="cfc", seed=0, initial=True, env_id=ENV_ID, **sizes):
    """A run folder with the checkpoints that `fit` leaves."""
    prior = {} if core == "mlp" else {"rank": 3}
    config = PolicyConfig.from_dict(
        {"core": {"name": core, "hidden_size": 6, **prior, **sizes}, "init_seed": seed}
    )
    module = ImitationModule(config)
    info = describe(env_id)
    task = Task.of(env_id, info.observation_space, info.action_space)
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

    monkeypatch.setattr(analyze_runs, "demonstrator", lambda *_: Expert())


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
    """A folder of runs, one of which was never evaluated."""
    runs = [trained(here / "runs" / f"version_{seed}", seed=seed) for seed in range(6)]
    trained(here / "runs" / "version_6", "rnn")
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
                "unchanged": False,
                "return_mean": value,
                "expert_normalized": value,
            }
            for name, value in (("clean", 0.5 + 0.1 * seed), ("sensor_noise@2", 0.3 * seed % 0.7))
        ]
        Summary(ENV_ID, {"name": "policy"}, {}, conditions).write(run)
    words = ["--trajectory", "common", "--out", "comparison", *SMALL]
    assert main(["analyze", "runs", *words]) == 0
    shown = capsys.readouterr().out
    assert (
        "left out of proxies and robustness: runs/version_6 has no summary.json: play it" in shown
    )
    assert "The largest exponent on common trajectories, clean is" in shown
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


def test_a_folder_of_runs_stands_for_them_in_the_order_of_their_numbers(here):
    for name in ("version_2", "version_10", "version_1"):
        (here / "runs" / name / "checkpoints").mkdir(parents=True)
    (here / "runs" / "analysis").mkdir()
    expected = [f"runs/version_{number}" for number in (1, 2, 10)]
    assert run_folders(["runs", "runs/version_2"]) == [*expected, "runs/version_2"]
    assert run_folders(["gone", "gone.ckpt"]) == ["gone", "gone.ckpt"]


def test_names_of_runs_differ(here):
    for run in ("a/version_0", "a/version_1", "b/version_0"):
        (here / run / "checkpoints").mkdir(parents=True)
    assert distinct([Path("a/version_0"), Path("a/version_1")]) == ["version_0", "version_1"]
    several = [Path("a/version_0"), Path("b/version_0"), Path("b/version_0/checkpoints/last.ckpt")]
    assert distinct(several) == ["a/version_0", "b/version_0", "b/version_0-2"]


def test_weights_that_are_no_numbers_are_one_sentence(here, capsys):
    run = trained(here / "run")
    state = read_checkpoint(run / "checkpoints" / "last.ckpt")
    next(v for k, v in state["state_dict"].items() if "core" in k).fill_(torch.nan)
    write_checkpoint(state, run / "checkpoints" / "last.ckpt")
    assert main(["analyze", str(run), *SMALL]) == 2
    told = capsys.readouterr().err.strip()
    assert "are not finite: training diverged" in told and "\n" not in told


PAGE = ROOT / "docs" / "analysis.md"
TINY = ["--episodes", "1", "--steps", "60", "--burn_in", "5", "--threads", "1"]
TINY_PLANE = ["--hidden_size", "6", "--draws", "2", "--jacobian_draws", "2"]


@pytest.mark.long
def test_the_commands_of_the_page_run(here, undrawn):
    """In small: tests/test_docs.py knows that they are understood."""
    for number in range(2):
        trained(here / f"runs/HalfCheetah-v5/version_{number}", env_id="HalfCheetah-v5")
    shown = [c.words for c in commands() if c.where == "docs/analysis.md"]
    asked = [w for w in shown if w[0] in ("analyze", "evaluate") and len(w) > 1 and "RUN" not in w]
    assert len(asked) >= 5
    for verb, *words in asked:
        spread = [path for word in words for path in (sorted(glob(word)) or [word])]
        small = {"evaluate": ["--episodes", "1"], "theory": TINY_PLANE}.get(
            verb if verb == "evaluate" else words[0], TINY
        )
        assert main([verb, *spread, *small]) == 0, (verb, words)


@pytest.mark.slow
def test_the_programs_of_the_page_run(here, undrawn):
    row = table.row(quantity="memory span of the action", value=3.0)
    table.write_table(here / "runs" / "HalfCheetah-v5" / "version_0" / "analysis", [row])
    space: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), space)  # one program, from block to block
    assert [one["value"] for one in space["rows"]] == ["3.0"]
    assert set(space["found"].scenes) == {"own, clean", "common, clean"}
    assert (here / "runs" / "mine" / "analysis" / "analysis.csv").is_file()
