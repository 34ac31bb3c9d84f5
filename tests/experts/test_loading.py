"""The shipped expert is what its card says; a file that is something else is named."""

from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
from safetensors.numpy import save_file

from lrs_lightning.envs import make
from lrs_lightning.errors import (
    ArgumentError,
    DataError,
    EnvironmentMismatchError,
    UnknownNameError,
)
from lrs_lightning.experts import load_expert, shipped_experts

ENV = "HalfCheetah-v5"


def layers(*sizes: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    tensors = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        tensors[f"layers.{i}.weight"] = rng.standard_normal((outputs, inputs)).astype(np.float32)
        tensors[f"layers.{i}.bias"] = rng.standard_normal(outputs).astype(np.float32)
    return tensors


def test_the_shipped_expert_earns_what_its_card_says():
    expert = load_expert("shipped", ENV)
    told = expert.card["evaluation"]
    env = make(ENV, 4)
    observations, _ = env.reset(seed=told["seeds"][0])
    returns = np.zeros(4)
    for _ in range(1000):
        actions, _ = expert.step(observations)
        observations, rewards, *_ = env.step(actions)
        returns += rewards
    env.close()
    # Four of the card's own twenty episodes; a chaotic system leaves some play between machines.
    assert abs(returns.mean() - told["return_mean"]) < 4 * told["return_sd"]


def test_it_is_small_and_named_by_its_task():
    file = shipped_experts()[ENV]
    assert len(file.read_bytes()) < 1_000_000
    assert load_expert("shipped", ENV).card["env"] == ENV


def test_the_network_is_relu_relu_tanh(tmp_path):
    tensors = layers(17, 5, 6)
    save_file(tensors, tmp_path / "mine.safetensors")
    x = np.random.default_rng(1).standard_normal((3, 17))
    hidden = np.maximum(x @ tensors["layers.0.weight"].T + tensors["layers.0.bias"], 0)
    expected = np.tanh(hidden @ tensors["layers.1.weight"].T + tensors["layers.1.bias"])
    actions, state = load_expert(tmp_path / "mine.safetensors", ENV).step(x)
    np.testing.assert_allclose(actions, expected, rtol=0, atol=1e-5)
    assert state is None


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        (layers(17, 8, 6), {"env": "Hopper-v5"}, EnvironmentMismatchError, "expert for Hopper-v5"),
        (layers(11, 8, 6), None, EnvironmentMismatchError, "reads 11 channels .* has 17"),
        (layers(17, 8, 3), None, EnvironmentMismatchError, "3 actions and HalfCheetah-v5 wants 6"),
        ({"a.weight": np.zeros(3, np.float32)}, None, DataError, "has no tensor 'layers.0.weight'"),
        ({}, None, DataError, "has no layers"),
        (
            {"layers.0.weight": np.full((6, 17), np.nan, np.float32), "layers.0.bias": np.zeros(6)},
            None,
            DataError,
            "NaN or infinity",
        ),
        (
            {"layers.0.weight": np.zeros((6, 17)), "layers.0.bias": np.zeros(5)},
            None,
            DataError,
            r"layer 0 .* weight \(6, 17\) and bias \(5,\)",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, tensors, metadata, error, message):
    save_file(tensors, tmp_path / "mine.safetensors", metadata=metadata)
    with pytest.raises(error, match=message):
        load_expert(tmp_path / "mine.safetensors", ENV)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04}q\x00."])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "mine.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"mine.safetensors is not a safetensors file"):
        load_expert(tmp_path / "mine.safetensors", ENV)


def test_what_is_not_there():
    with pytest.raises(ArgumentError, match="no expert at nowhere"):
        load_expert("nowhere", ENV)
    with pytest.raises(UnknownNameError, match="unknown shipped expert 'HalfCheetah-v4'.*did you"):
        load_expert("shipped", "HalfCheetah-v4")
    assert ENV in gym.registry
