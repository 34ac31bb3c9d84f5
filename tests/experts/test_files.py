"""Weights in safetensors: what header and card decide, and what does not belong in there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.numpy import load, save_file

from lrs_lightning.documents import write_json
from lrs_lightning.errors import DataError, EnvironmentMismatchError, LrsError
from lrs_lightning.experts import build_q_network, load_expert, save_pixel_expert
from lrs_lightning.experts.files import expert_from_safetensors, mlp_expert, pixel_expert

ENV = "HalfCheetah-v5"  # 17 channels, 6 actions
WEIGHTS = {
    "layers.0.weight": np.linspace(-1, 1, 5 * 17, dtype=np.float32).reshape(5, 17),
    "layers.0.bias": np.linspace(-1, 1, 5, dtype=np.float32),
    "layers.1.weight": np.linspace(1, -1, 6 * 5, dtype=np.float32).reshape(6, 5) / 50,
    "layers.1.bias": np.linspace(0, 0.1, 6, dtype=np.float32),
}
X = np.random.default_rng(0).normal(size=(8, 17))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.safetensors"


def save(
    file: Path,
    header: dict[str, str] | None = None,
    card: Any = None,
    **changes: Any,
) -> Path:
    """Weights, with a header in the file and a card beside it."""
    weights = {k: v for k, v in (WEIGHTS | changes).items() if v is not None}
    save_file(weights, file, metadata=header)
    if card is not None:
        file.with_suffix(".json").write_text(json.dumps(card))
    return file


def acts(activation: Any) -> np.ndarray:
    hidden = activation(X @ WEIGHTS["layers.0.weight"].T + WEIGHTS["layers.0.bias"])
    return np.tanh(hidden @ WEIGHTS["layers.1.weight"].T + WEIGHTS["layers.1.bias"])


@pytest.mark.parametrize(
    ("header", "card", "activation"),
    [
        (None, None, lambda x: np.maximum(x, 0)),
        ({"activation": "tanh"}, None, np.tanh),
        (None, {"activation": "tanh"}, np.tanh),
        ({"activation": "sigmoid"}, {"activation": "tanh"}, np.tanh),
        ({"activation": "tanh"}, {"algorithm": "SAC"}, np.tanh),
    ],
)
def test_the_activation_is_in_the_header_or_else_in_the_card(
    file: Path, header: Any, card: Any, activation: Any
) -> None:
    actions, _ = load_expert(save(file, header, card), ENV).step(X)
    np.testing.assert_allclose(actions, acts(activation), rtol=0, atol=1e-6)


def test_the_card_of_an_expert_is_both_without_its_checksum(file: Path) -> None:
    save(file, {"env": "Hopper-v5", "seed": "3"})
    write_json(file.with_suffix(".json"), {"return": 1.5, "env": ENV})
    expert = load_expert(file, ENV)
    assert expert.card == {"return": 1.5, "env": ENV, "seed": "3"}
    assert expert.env_id == ENV


def test_weights_are_those_of_their_card_or_refused(file: Path) -> None:
    save(file)
    content = file.read_bytes()
    card = {"weights_sha256": hashlib.sha256(content).hexdigest()}
    file.with_suffix(".json").write_text(json.dumps(card))
    load_expert(file, ENV)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=r"mine\.safetensors was altered \(its SHA-256 .*copy it"):
        load_expert(file, ENV)


def test_a_card_that_is_a_link_is_refused(file: Path, tmp_path: Path) -> None:
    save(file)
    (tmp_path / "secret.json").write_text("{}")
    file.with_suffix(".json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(DataError, match=r"mine\.json is a link: put the file that it leads to"):
        load_expert(file, ENV)


def test_names_have_an_end(file: Path) -> None:
    with pytest.raises(DataError, match="activation is 'x{256}'"):
        load_expert(save(file, {"activation": "x" * 256}), ENV)
    with pytest.raises(DataError, match=r"the header of .*mine\.safetensors"):
        load_expert(save(file, {"activation": "x" * 257}), ENV)
    with pytest.raises(DataError, match=r"the card of .*mine\.safetensors"):
        load_expert(save(file, None, {"activation": 3}), ENV)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers.1.bias": None}, r"has no tensor 'layers\.1\.bias': expected .* and found layers"),
        (
            {"layers.2.bias": np.zeros(3, np.float32)},
            r"no place in a chain .*\['layers\.2\.bias'\]",
        ),
        ({"extra": np.zeros(3, np.float32)}, r"no place in a chain of layers: \['extra'\]"),
        ({"layers.0.bias": np.zeros(5, np.int32)}, r"layers\.0\.bias is of type int32, expected"),
    ],
)
def test_a_chain_of_layers_is_whole_and_nothing_else(
    file: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        load_expert(save(file, **changes), ENV)


def test_single_and_double_weights_are_read(file: Path) -> None:
    doubled = {name: array.astype(np.float64) for name, array in WEIGHTS.items()}
    actions, _ = load_expert(save(file, **doubled), ENV).step(X)
    np.testing.assert_allclose(actions, acts(lambda x: np.maximum(x, 0)), rtol=0, atol=1e-6)


def task(observation: gym.Space[Any], action: gym.Space[Any], domain: str = "other") -> Any:
    return SimpleNamespace(
        observation_space=observation, action_space=action, env_id="Mine-v0", domain=domain
    )


BOX = gym.spaces.Box(-1, 1, (2,))
MATRIX = gym.spaces.Box(-1, 1, (2, 3))
PICTURE = gym.spaces.Box(0, 255, (2, 3), np.uint8)
BYTES = gym.spaces.Box(0, 255, (6,), np.uint8)
UNBOUNDED = gym.spaces.Box(-np.inf, np.inf, (2,))
LAYER = [(np.eye(2, 6, dtype=np.float32), np.zeros(2, np.float32))]


@pytest.mark.parametrize("observation", [MATRIX, BYTES])
@pytest.mark.parametrize("action", [BOX, gym.spaces.Discrete(2)])
def test_an_expert_reads_whatever_is_a_vector(observation: Any, action: Any) -> None:
    expert = mlp_expert(task(observation, action), Path("a"), layers=LAYER)
    assert expert.env_id == "Mine-v0" and expert.observation_size == 6


@pytest.mark.parametrize(
    ("observation", "action", "sentence"),
    [
        (PICTURE, BOX, "a reads a vector and Mine-v0 shows Box"),
        (gym.spaces.Discrete(6), BOX, "a reads a vector and Mine-v0 shows Discrete"),
        (MATRIX, gym.spaces.MultiBinary(2), "Mine-v0 has actions MultiBinary"),
        (MATRIX, UNBOUNDED, "Mine-v0 has unbounded actions, which tanh cannot reach"),
        (BOX, BOX, "a reads 6 channels and Mine-v0 has 2"),
    ],
)
def test_tasks_that_it_cannot_play_are_named(observation: Any, action: Any, sentence: str) -> None:
    with pytest.raises(EnvironmentMismatchError, match=sentence):
        mlp_expert(task(observation, action), Path("a"), layers=LAYER)


def test_without_tanh_actions_need_no_bounds() -> None:
    expert = mlp_expert(task(MATRIX, UNBOUNDED), Path("a"), layers=LAYER, squash=False)
    np.testing.assert_array_equal(expert.step(np.full((1, 2, 3), 9.0))[0], [[9, 9]])


@pytest.mark.parametrize("normalize", [True, False])
def test_a_network_is_what_its_header_says(file: Path, normalize: bool) -> None:
    network = build_q_network("small", 4, normalize)
    save_pixel_expert(network, file, {"encoder": "small", "normalize": str(normalize)})
    assert load(file.read_bytes()).keys() == network.state_dict().keys()
    game = task(PICTURE, gym.spaces.Discrete(4), "atari")
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 84, 84), np.uint8)
    expected = network.eval()(torch.from_numpy(frames)).argmax(1)
    for told in (normalize, str(normalize).lower(), str(normalize).upper()):
        file.with_suffix(".json").write_text(json.dumps({"normalize": told}))
        expert = expert_from_safetensors(file, "ALE/Breakout-v5")
        np.testing.assert_array_equal(expert.step(frames)[0], expected)
    file.with_suffix(".json").write_text(json.dumps({"normalize": not normalize}))
    with pytest.raises(DataError, match="does not fit the network 'small'"):
        expert_from_safetensors(file, "ALE/Breakout-v5")
    state = network.state_dict()
    made = pixel_expert(game, file, state, "small", normalize, {"algorithm": "PQN"})
    assert (made.env_id, made.card) == ("Mine-v0", {"algorithm": "PQN"})


def test_what_is_not_said_of_a_network_is_small_and_normalised(file: Path) -> None:
    save_pixel_expert(build_q_network("small", 4), file, {})
    expert_from_safetensors(file, "ALE/Breakout-v5")


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        (task(MATRIX, gym.spaces.Discrete(4), "mujoco"), "a sees pixels and Mine-v0 shows no pict"),
        (task(PICTURE, BOX, "atari"), "a sees pixels and Mine-v0 shows no pictures"),
    ],
)
def test_an_expert_of_pixels_needs_pictures_and_a_list_of_actions(info: Any, sentence: str) -> None:
    state = build_q_network("small", 4).state_dict()
    with pytest.raises(LrsError, match=sentence):
        pixel_expert(info, Path("a"), state, "small", True, {})
    del state["head.bias"]
    with pytest.raises(DataError, match="a does not fit the network 'small': 'head.bias'"):
        game = task(PICTURE, gym.spaces.Discrete(4), "atari")
        pixel_expert(game, Path("a"), state, "small", True, {})
