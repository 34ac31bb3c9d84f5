"""Steps through ONNX equal the same arithmetic in NumPy, state and episode starts included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.experts.onnx_policy import OnnxPolicy

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

BOX, DISCRETE = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(3)
WEIGHT = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 1.0]], np.float32)


def save(path: Path, state_shape: list[Any], actions: int = 2, outputs: int = 2) -> Path:
    """action = observation @ W (+ first state rows), new state = state + 1."""
    from onnx import TensorProto, helper

    def value(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    weight = WEIGHT[:, :2] if actions == 2 else np.eye(3, dtype=np.float32)
    constants = [
        onnx.numpy_helper.from_array(weight, "W"),
        onnx.numpy_helper.from_array(np.float32(1), "one"),
    ]
    nodes = [
        helper.make_node("MatMul", ["observation", "W"], ["action"]),
        helper.make_node("Add", ["state", "one"], ["next"]),
    ]
    graph = helper.make_graph(
        nodes,
        "step",
        [value("observation", ["N", 3]), value("state", state_shape)],
        [value("action", ["N", actions]), value("next", state_shape)][:outputs],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return path


@pytest.mark.parametrize("state_shape", [["N", 4], [1, "N", 4]])
def test_state_is_carried_and_forgotten(tmp_path: Path, state_shape: list[Any]) -> None:
    policy = OnnxPolicy(save(tmp_path / "p.onnx", state_shape), BOX)
    state = policy.initial_state(3)
    observations = np.random.default_rng(0).normal(size=(3, 3))  # float64, as MuJoCo gives them
    for starts in ([True] * 3, [False] * 3, [False, True, False]):
        actions, state = policy.step(observations, state, np.array(starts))
    np.testing.assert_allclose(actions, observations.astype(np.float32) @ WEIGHT, rtol=1e-6)
    per_episode = state[0].reshape(3, 4)
    np.testing.assert_array_equal(per_episode, [[3] * 4, [1] * 4, [3] * 4])
    recorded = policy.state_arrays(state)
    assert [array.shape[0] for array in recorded.values()] == [3]
    np.testing.assert_array_equal(recorded["state"].reshape(3, 4), per_episode)


def test_discrete_actions_are_the_likeliest(tmp_path: Path) -> None:
    policy = OnnxPolicy(save(tmp_path / "p.onnx", ["N", 1], actions=3), DISCRETE)
    observations = np.array([[0, 9, 1], [5, 0, 1]], np.float32)
    actions, _ = policy.step(observations, policy.initial_state(2), np.ones(2, bool))
    assert actions.tolist() == [1, 0]


def test_other_models_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match="a step takes an observation and states"):
        OnnxPolicy(save(tmp_path / "p.onnx", ["N", 1], outputs=1), BOX)
    (tmp_path / "bad.onnx").write_bytes(b"\x00\x01 not a model")
    with pytest.raises(LrsError, match=r"bad\.onnx is not an ONNX model that can be run"):
        OnnxPolicy(tmp_path / "bad.onnx", BOX)
