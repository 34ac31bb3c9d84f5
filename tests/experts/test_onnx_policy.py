"""Steps through ONNX equal the same arithmetic in NumPy, state and episode starts included."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.experts.onnx_policy import OnnxPolicy, Ports

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


def model(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> OnnxPolicy:
    """A policy of nodes `(operator, inputs, output)`, and values `(name, type, shape)`."""
    from onnx import TensorProto, helper

    made = [helper.make_node(kind, given, [output]) for kind, given, output in nodes]
    ends = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
         for name, kind, shape in values]
        for values in (inputs, outputs)
    ]  # fmt: skip
    graph = helper.make_graph(made, "step", *ends)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return OnnxPolicy(path, BOX)


KINDS = {"FLOAT": np.float32, "DOUBLE": np.float64, "UINT8": np.uint8, "INT64": np.int64}


@pytest.mark.parametrize("kind", KINDS)
def test_observations_and_states_are_given_as_what_the_file_takes(
    tmp_path: Path, kind: str
) -> None:
    policy = model(
        tmp_path / "p.onnx",
        [("Identity", ["seen"], "action"), ("Identity", ["memory"], "next")],
        [("seen", kind, ["N", 2]), ("memory", kind, ["N", 2])],
        [("action", kind, ["N", 2]), ("next", kind, ["N", 2])],
    )
    (state,) = policy.initial_state(3)
    assert state.dtype == KINDS[kind] and state.shape == (3, 2) and not state.any()
    seen = np.arange(6).reshape(3, 2).astype(np.float64)
    starts = np.array([True, False, False])
    actions, states = policy.step(seen, [np.ones_like(state)], starts)
    assert actions.dtype == KINDS[kind]
    np.testing.assert_array_equal(actions, seen)
    assert states[0].dtype == KINDS[kind]
    np.testing.assert_array_equal(states[0], np.repeat(~starts[:, None], 2, 1))
    assert list(policy.state_arrays(states)) == ["memory"]


def test_a_model_that_is_told_of_starts_forgets_by_itself(tmp_path: Path) -> None:
    policy = model(
        tmp_path / "p.onnx",
        [("Where", ["begins", "seen", "memory"], "next"), ("Identity", ["memory"], "action")],
        [("seen", "FLOAT", ["N"]), ("begins", "BOOL", ["N"]), ("memory", "FLOAT", ["N"])],
        [("action", "FLOAT", ["N"]), ("next", "FLOAT", ["N"])],
    )
    assert len(policy.initial_state(2)) == 1, "flags are no state"
    starts = np.array([True, False])
    actions, (state,) = policy.step(np.array([5.0, 6.0]), [np.float32([7, 8])], starts)
    assert actions.tolist() == [7, 8], "it was forgotten for the model"
    assert state.tolist() == [5, 8]


def test_the_batch_is_the_first_axis_of_open_size(tmp_path: Path) -> None:
    shapes = {"seen": ["N", 1], "fixed": [1, 4], "two": ["A", 3, "B"], "second": [2, "N"]}
    values = [(name, "FLOAT", shape) for name, shape in shapes.items()]
    policy = model(
        tmp_path / "p.onnx",
        [("Identity", [name], f"next_{name}") for name in shapes],
        values,
        [(f"next_{name}", *how) for name, *how in values],
    )
    assert [s.shape for s in policy.initial_state(5)] == [(5, 4), (5, 3, 1), (2, 5)]


def test_types_that_are_not_known_are_told(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match=r"has inputs \['seen'\] and outputs \['action'\]: a step"):
        model(
            tmp_path / "p.onnx",
            [("Identity", ["seen"], "action")],
            [("seen", "FLOAT16", ["N", 2])],
            [("action", "FLOAT16", ["N", 2])],
        )


def test_two_files_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    one = OnnxPolicy(save(tmp_path / "a.onnx", ["N", 4]), BOX)
    same = OnnxPolicy(save(tmp_path / "b.onnx", ["N", 4]), BOX)
    other = OnnxPolicy(save(tmp_path / "c.onnx", ["N", 5]), BOX)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    content = (tmp_path / "a.onnx").read_bytes()
    assert one.fingerprint == hashlib.sha256(content).hexdigest()[:16]


def test_other_models_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match="a step takes an observation and states"):
        OnnxPolicy(save(tmp_path / "p.onnx", ["N", 1], outputs=1), BOX)
    (tmp_path / "bad.onnx").write_bytes(b"\x00\x01 not a model")
    with pytest.raises(LrsError, match=r"bad\.onnx is not an ONNX model that can be run"):
        OnnxPolicy(tmp_path / "bad.onnx", BOX)


def test_logits_that_are_not_finite_are_no_decision_and_actions_begin_where_the_task_says(
    tmp_path: Path,
) -> None:
    space = gym.spaces.Discrete(3, start=5)
    policy = OnnxPolicy(save(tmp_path / "p.onnx", ["N", 1], actions=3), space)
    observations = np.array([[0, 9, 1], [5, 0, np.nan]], np.float32)
    actions, _ = policy.step(observations, policy.initial_state(2), np.ones(2, bool))
    assert actions[0] == 6 and not space.contains(actions[1])


def test_a_state_that_no_machine_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match=r"p\.onnx has a state 'state' of shape .*: too large"):
        OnnxPolicy(save(tmp_path / "p.onnx", ["N", 1 << 40]), BOX)


def test_ports_say_what_is_what(tmp_path: Path) -> None:
    path = save(tmp_path / "p.onnx", ["N", 2])
    turned = OnnxPolicy(path, BOX, Ports("observation", ("state",), "next", ("action",)))
    actions, state = turned.step(np.ones((2, 3)), turned.initial_state(2), np.ones(2, bool))
    np.testing.assert_array_equal(actions, np.ones((2, 2)))
    np.testing.assert_array_equal(state[0], np.ones((2, 3), np.float32) @ WEIGHT)
    with pytest.raises(LrsError, match="a step takes an observation and states"):
        OnnxPolicy(path, BOX, Ports("observation", ("state",), "absent", ("next",)))
