"""Every example runs, at a size that takes a second or two."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import gymnasium as gym
import pytest
import torch

from lrs_lightning.statistics import read_results

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder to work in, from which the examples can be imported; forgotten afterwards."""
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("examples")
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.syspath_prepend(str(EXAMPLES))
        yield folder
    for name in names:
        sys.modules.pop(name, None)
    for name in [name for name in gym.registry if name.startswith("own_environment.")]:
        del gym.registry[name]


def example(name):
    return import_module(name)


def test_a_layer_in_a_model_learns_to_read_its_sequence(desk):
    layer = example("layer_in_a_model")
    losses = layer.main(steps=100, length=4, batch=32)
    mean = 1 / 6  # the loss of whoever answers the mean, which needs no memory
    assert sum(losses["LRSCfC"][-20:]) / 20 < mean / 2
    assert sum(losses["torch.nn.LSTM"][-20:]) / 20 < mean
    for make in (layer.low_rank_sparse, layer.baseline):  # a sequence hears nothing of the others
        model, _ = layer.train(make, steps=1, length=6, batch=4)
        sequences, _ = layer.draw(4, 6, torch.Generator())
        torch.testing.assert_close(model(sequences)[:1], model(sequences[:1]))


@pytest.fixture(scope="module")
def run(desk):
    return desk / example("own_environment").main("docking", episodes=3, steps=3)


def test_an_environment_of_ones_own_goes_all_the_way(run, desk):
    rows = read_results(desk / "docking" / "stronger_pull" / "results.jsonl")
    assert {row["env"] for row in rows} == {"own_environment.Docking(pull=0.3)"}
    assert "pull=0.1" in run.parent.name and (run / "summary.json").is_file()


def test_csv_becomes_a_report(desk, capsys):
    report = example("csv_to_report").main("csv", episodes=3, steps=3)
    assert "Pendulum-v1" in report.read_text()
    assert "obs_cos" in capsys.readouterr().out
    assert (desk / "csv" / "profile" / "channels.csv").is_file()


def test_two_methods_are_compared_over_seeds(desk):
    summary = example("two_methods").main("methods", seeds=2, steps=2, episodes=2)
    methods = {method["name"]: method for method in summary.methods}
    assert list(methods) == ["low rank and sparse", "dense"]
    assert {len(method["policies"]) for method in methods.values()} == {2}


def test_an_exported_policy_drives_without_pytorch(run, desk, monkeypatch):
    monkeypatch.setattr("lrs_lightning.deployment.parity.STEPS", 20)
    assert example("export_for_robot").main(str(run), "robot").name == "policy.npz"
    code = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import control_loop\n"
        "control_loop.main('robot', steps=5)\n"
        "assert not {'torch', 'lrs_lightning'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stderr
    assert "5 actions (2,)" in done.stdout
