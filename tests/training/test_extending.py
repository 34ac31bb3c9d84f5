"""The page about extending: its files run as they stand, through policy, training and counting."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import gymnasium as gym
import pytest
import torch

from lrs_lightning.cli import main
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import (
    CONTROLS,
    CORES,
    ENCODERS,
    PolicyConfig,
    build_policy,
    controls,
    cores,
    count_parameters,
)
from lrs_lightning.training import load_policy

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILES = dict(re.findall(r"```python\n(?:# (\w+)\.py\n)(.*?)```", PAGE.read_text(), re.DOTALL))
SPACES = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Imports a file of the page by its name, once for all tests."""
    folder = tmp_path_factory.mktemp("extending")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        for registry in (CONTROLS, CORES, ENCODERS):
            patch.setattr(registry, "_classes", dict(registry._classes))
        yield importlib.import_module
        for name in FILES:
            sys.modules.pop(name, None)


def assert_a_window_equals_its_steps(policy):
    policy.double().eval()
    observations = torch.randn(3, 6, 5, dtype=torch.float64)
    resets = torch.rand(3, 6) < 0.3
    window, last = policy.unroll(observations, resets=resets)
    state = policy.initial_state(3)
    for t in range(6):
        out, state = policy.step(observations[:, t], state, resets=resets[:, t])
        torch.testing.assert_close(out, window[:, t], rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


def fit(store, folder, *words):
    """A few updates and a short closed loop from the command line; the run's folder."""
    short = ["--trainer.max_steps=2", "--data.batches=2", "--data.window=8", "--data.burn_in=2"]
    short += ["--evaluation.suite=smoke", "--evaluation.episodes=1", "--trainer.accelerator=cpu"]
    short += [f"--data.path={store}", f"--trainer.logger.save_dir={folder}"]
    assert main(["fit", *short, *words]) == 0
    return folder / "HalfCheetah-v5" / "version_0"


def test_a_cell(load):
    leaky = load("leaky")
    layer = leaky.LRSLeaky(5, 6, rank=2, sparsity=0.3, num_layers=2).double()
    x = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    resets = torch.rand(4, 3) < 0.3
    y, final = layer(x, resets=resets)
    expected = x
    for depth in range(2):
        h, seen = torch.zeros(3, 6, dtype=torch.float64), []
        rate = torch.sigmoid(layer.part("rate", depth))
        for x_t, x_proj in enumerate(layer.project_input(expected, depth)):
            h = h.masked_fill(resets[x_t].unsqueeze(-1), 0)
            target = torch.tanh(x_proj + h @ layer.recurrent_weight(depth)[0].T)
            h = (1 - rate) * h + rate * target
            seen.append(h)
        expected = torch.stack(seen)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(final[-1], y[-1], rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,))
    ragged = layer(x, lengths=[4, 2, 1])[0]
    torch.testing.assert_close(ragged[:2, 1], layer(x[:2, 1])[0], rtol=0, atol=1e-12)
    count = count_parameters(leaky.LRSLeaky(5, 16, rank=4))
    assert (count.recurrent, count.input, count.bias, count.other) == (128, 80, 32, 16)


@pytest.mark.parametrize("control", [None, *CONTROLS.classes()])
def test_a_policy_with_a_cell_and_every_control(load, control):
    leaky = load("leaky")
    core = leaky.Leaky(hidden_size=8, rank=2, control=None if control is None else control())
    config = PolicyConfig(core=core)
    assert PolicyConfig.from_dict(config.to_dict()) == config
    policy = build_policy(config, *SPACES)
    assert_a_window_equals_its_steps(policy)
    states = policy.unroll(torch.randn(2, 4, 5).double(), return_states=True)[2]
    assert states.shape == (1, 2, 4, policy.core.hidden_size)


def test_an_encoder(load):
    fourier = load("fourier")
    config = PolicyConfig(fourier.Fourier(features=8), cores.CfC(hidden_size=6, rank=2))
    assert PolicyConfig.from_dict(config.to_dict()) == config
    policy = build_policy(config, *SPACES)
    assert policy.encoder(torch.zeros(2, 3, 5)).shape == (2, 3, 8)
    assert_a_window_equals_its_steps(policy)
    assert build_policy({"encoder": "fourier"}, *SPACES).encoder.features == 64


def test_a_core(load):
    averaging = load("averaging")
    config = PolicyConfig(core=averaging.Averaging(hidden_size=6))
    policy = build_policy(config, *SPACES)
    assert_a_window_equals_its_steps(policy)
    states = policy.unroll(torch.randn(2, 4, 5).double(), return_states=True)[2]
    assert states.shape == (1, 2, 4, 128)
    assert config.describe()["cell"] == "averaging" and config.describe()["decay"] == 0.9
    with pytest.raises(ArgumentError, match="core 'averaging' has no option 'rank'"):
        PolicyConfig.from_dict({"core": {"name": "averaging", "rank": 3}})


def test_a_control(load):
    unmasked = load("unmasked").Unmasked
    policy = build_policy(PolicyConfig(core=cores.GRU(rank=2, control=unmasked())), *SPACES)
    assert policy.core.mask() is None and policy.core.connectivity.rank == 2
    assert_a_window_equals_its_steps(policy)
    core = {"name": "gru", "control": "unmasked"}
    assert PolicyConfig.from_dict({"core": core}).core.control == unmasked()
    with pytest.raises(ArgumentError, match="without a rank"):
        cores.GRU(rank=None, control=unmasked())


def test_names_belong_to_one_class(load):
    dense = type("Dense", (load("unmasked").Unmasked,), {"name": "dense"})
    with pytest.raises(ArgumentError, match=r"control 'dense' is already .*controls.Dense"):
        load("lrs_lightning.nn").register_control(dense)
    nameless = type("Nameless", (controls.Dense,), {"name": ""})
    with pytest.raises(ArgumentError, match="cannot be registered as control"):
        load("lrs_lightning.nn").register_control(nameless)


@pytest.mark.slow
def test_the_command_line_takes_them_by_their_path(load, tiny_store, tmp_path):
    words = ["--model.policy.encoder=fourier.Fourier", "--model.policy.encoder.features=8"]
    words += ["--model.policy.core=leaky.Leaky", "--model.policy.core.hidden_size=4"]
    words += ["--model.policy.core.rank=2", "--model.policy.core.control=unmasked.Unmasked"]
    run = fit(tiny_store, tmp_path, *words)
    policy = json.loads((run / "summary.json").read_text())["policy"]
    assert (policy["cell"], policy["rank"], policy["control"]) == ("leaky", 2, "unmasked")
    assert policy["encoder"] == "fourier" and policy["parameters"] > 0
    loaded = load_policy(run).policy
    assert isinstance(loaded.core, load("leaky").LRSLeaky)
    out, _ = loaded.step(torch.zeros(2, 17), loaded.initial_state(2))
    assert out.shape == (2, 6) and out.isfinite().all()
