"""Readers of experts prove what they read: whatever is too many, missing or other is refused."""

from __future__ import annotations

import json
import zipfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import save_file as save_torch

from lrs_lightning.errors import DataError, EnvironmentMismatchError, LrsError
from lrs_lightning.expert_training.sac_actor import actor_activation, actor_layers
from lrs_lightning.experts import build_q_network, load_expert, save_pixel_expert
from lrs_lightning.experts.onnx_policy import OnnxPolicy
from tests.experts.test_files import ENV, WEIGHTS, X, save

# safetensors


@pytest.mark.parametrize("where", ["header", "card"])
@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"activation": "gelu"}, "the activation is 'gelu'"),
        ({"activation": "ReLU"}, "the activation is 'ReLU'"),
        ({"output": "clip"}, "the output is 'clip', and only tanh and identity"),
        ({"squash": "false"}, "says 'squash', whose effect on the action is not known"),
        ({"activation_fn": "tanh"}, "says 'activation_fn'"),
        ({"obs_rms": "1"}, "says 'obs_rms'"),
        ({"observation_mean": "0"}, "says 'observation_mean'"),
        ({"layer_norm": "true"}, "says 'layer_norm'"),
        ({"distribution": "beta"}, "says 'distribution'"),
        ({"action_scale": "2"}, "says 'action_scale'"),
        ({"normalize": "true"}, "an expert of vectors has no 'normalize'"),
        ({"encoder": "small"}, "an expert of vectors has no 'encoder'"),
    ],
)
def test_what_a_file_says_is_read_or_refused(
    tmp_path: Path, where: str, told: dict[str, str], sentence: str
) -> None:
    file = tmp_path / "mine.safetensors"
    save(file, told) if where == "header" else save(file, None, told)
    with pytest.raises(DataError, match=sentence):
        load_expert(file, ENV)


def test_what_is_for_people_is_left_alone(tmp_path: Path) -> None:
    card = {"author": "me", "recipe": "x", "evaluation": {"mean": 1, "std": 2}, "seed": 3}
    load_expert(save(tmp_path / "mine.safetensors", {"format": "pt"}, card), ENV)


def test_an_output_without_tanh_is_clipped(tmp_path: Path) -> None:
    expert = load_expert(save(tmp_path / "mine.safetensors", {"output": "identity"}), ENV)
    hidden = np.maximum(X @ WEIGHTS["layers.0.weight"].T + WEIGHTS["layers.0.bias"], 0)
    raw = hidden @ WEIGHTS["layers.1.weight"].T + WEIGHTS["layers.1.bias"]
    np.testing.assert_allclose(expert.step(X)[0], np.clip(raw, -1, 1), atol=1e-6)


@pytest.mark.parametrize("told", [{"activation": "relu"}, {"output": "tanh"}])
def test_an_expert_of_pixels_has_no_chain(tmp_path: Path, told: dict[str, str]) -> None:
    file = tmp_path / "q.safetensors"
    save_pixel_expert(build_q_network("small", 4), file, told)
    with pytest.raises(DataError, match="an expert of pixels has no"):
        load_expert(file, "ALE/Breakout-v5")


@pytest.mark.parametrize("change", ["more", "fewer", "turned", "nan"])
def test_a_network_of_pixels_is_whole(tmp_path: Path, change: str) -> None:
    network = build_q_network("small", 4)
    state = {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}
    if change == "more":
        state["encoder.more"] = torch.zeros(2)
    elif change == "fewer":
        del state["head.weight"]
    elif change == "turned":
        state["head.weight"] = state["head.weight"].T.contiguous()
    else:
        state["head.weight"][0, 0] = torch.nan
    save_torch(state, tmp_path / "q.safetensors")
    with pytest.raises(DataError, match="does not fit the network|holds NaN"):
        load_expert(tmp_path / "q.safetensors", "ALE/Breakout-v5")


def test_types_that_numpy_has_not_are_named(tmp_path: Path) -> None:
    weights = {name: torch.from_numpy(w).bfloat16() for name, w in WEIGHTS.items()}
    save_torch(weights, tmp_path / "mine.safetensors")
    with pytest.raises(DataError, match="tensors of type 'BF16', expected floats"):
        load_expert(tmp_path / "mine.safetensors", ENV)


@pytest.mark.parametrize(
    "changes",
    [
        {"layers.0.weight": WEIGHTS["layers.0.weight"].T.copy()},
        {"layers.1.weight": WEIGHTS["layers.1.weight"][:, :4].copy()},
        {"layers.1.bias": np.zeros((6, 1), np.float32)},
        {"layers.0.weight": np.zeros((0, 17), np.float32), "layers.0.bias": np.zeros(0, np.float32),
         "layers.1.weight": np.zeros((6, 0), np.float32)},
    ],
)  # fmt: skip
def test_other_shapes_are_no_chain(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(LrsError, match=r"no chain of layers|reads 5 channels"):
        load_expert(save(tmp_path / "mine.safetensors", **changes), ENV)


# The actor of sbx


def actor(sizes: list[int], spread: int | None = None) -> dict[str, Any]:
    ends = [*pairwise(sizes), (sizes[-2], spread or sizes[-1])]
    return {f"Dense_{i}": {"kernel": np.ones(e), "bias": np.ones(e[1])} for i, e in enumerate(ends)}


@pytest.mark.parametrize("hidden", [[8, 9], [8, 9, 7], [4] * 11])
def test_an_actor_of_any_depth_ends_with_its_mean(hidden: list[int]) -> None:
    layers = actor_layers(actor([17, *hidden, 6]))
    last = len(hidden)
    assert len(layers) == 2 * (last + 1)
    assert layers[f"layers.{last}.weight"].shape == (6, hidden[-1])


WIDE = {"kernel": np.ones((8, 9)), "bias": np.ones(9)}


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({**actor([17, 8, 8, 6]), "LayerNorm_0": {}}, "has or lacks 'LayerNorm_0'"),
        ({k: v for k, v in actor([17, 8, 8, 6]).items() if k != "Dense_3"}, "not SAC's network"),
        ({k: v for k, v in actor([17, 8, 8, 6]).items() if k != "Dense_2"}, "or lacks 'Dense_2'"),
        ({**actor([17, 8, 8, 6]), "Dense_1": {**WIDE, "scale": 1}}, "Dense_1 .* kernel and bias"),
        ({**actor([17, 8, 8, 6]), "Dense_1": {"kernel": np.ones((8, 8))}}, "Dense_1 .* kernel and"),
        ({**actor([17, 8, 8, 6]), "Dense_1": WIDE}, "not SAC's network"),
        ({**actor([17, 8, 8, 6]), "Dense_1": {**WIDE, "bias": np.ones(8)}}, "Dense_1 .*bias"),
        (actor([17, 8, 8, 6], spread=5), "not SAC's network"),
    ],
)
def test_another_network_is_no_actor(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        actor_layers(params)


def test_the_activation_of_an_actor_is_known() -> None:
    def relu() -> None: ...

    def gelu() -> None: ...

    assert actor_activation(SimpleNamespace(activation_fn=relu)) == "relu"
    with pytest.raises(DataError, match="the activation is 'gelu'"):
        actor_activation(SimpleNamespace(activation_fn=gelu))


# ONNX

SEEN, BOX = gym.spaces.Box(-1, 1, (3,)), gym.spaces.Box(-1, 1, (2,))
Values = list[tuple[str, str, list[Any]]]


def model(path: Path, nodes: Any, inputs: Values, outputs: Values, **constants: Any) -> Path:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    made = [helper.make_node(kind, given, [end], **how) for kind, given, end, how in nodes]
    ends = [
        [helper.make_tensor_value_info(n, getattr(TensorProto, kind), s) for n, kind, s in values]
        for values in (inputs, outputs)
    ]
    known = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(made, "step", *ends, known)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return path


def linear(path: Path, takes: int = 3, gives: int = 2, kind: str = "FLOAT", **more: Any) -> Path:
    """`action = observation @ W`."""
    dtype = {"FLOAT": np.float32, "DOUBLE": np.float64, "INT64": np.int64}[kind]
    return model(
        path,
        [("MatMul", ["seen", "W"], "action", {})],
        [("seen", kind, ["N", takes])],
        [("action", kind, ["N", gives])],
        W=np.ones((takes, gives), dtype),
        **more,
    )


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_a_file_of_the_task_is_played(tmp_path: Path, kind: str) -> None:
    policy = OnnxPolicy(linear(tmp_path / "p.onnx", kind=kind), BOX, observation_space=SEEN)
    actions, _ = policy.step(np.ones((4, 3), np.float32), [], np.ones(4, bool))
    np.testing.assert_array_equal(actions, np.full((4, 2), 3))


@pytest.mark.parametrize(
    ("how", "space", "sentence"),
    [
        ({"takes": 4}, BOX, r"does not take the observations of the task, \(3,\)"),
        ({"gives": 3}, BOX, r"gives actions \(3,\) of float32, and the task wants Box"),
        ({"gives": 1}, BOX, r"gives actions \(1,\)"),
        ({"gives": 2}, gym.spaces.Discrete(3), r"gives actions \(2,\).*Discrete\(3\)"),
        ({"gives": 1}, gym.spaces.Discrete(3), r"gives actions \(1,\) of float32"),
        ({"kind": "INT64"}, BOX, "takes whole numbers .*fractions would be lost"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_played(
    tmp_path: Path, how: dict[str, Any], space: gym.Space[Any], sentence: str
) -> None:
    path = linear(tmp_path / "p.onnx", **how)
    with pytest.raises(EnvironmentMismatchError, match=sentence):
        OnnxPolicy(path, space, observation_space=SEEN)


@pytest.mark.parametrize("column", [True, False])
def test_a_column_of_choices_is_no_logit(tmp_path: Path, column: bool) -> None:
    """`ArgMax` keeps its axis in many files; the largest of one number is always the first."""
    path = model(
        tmp_path / "p.onnx",
        [("ArgMax", ["seen"], "action", {"axis": 1, "keepdims": int(column)})],
        [("seen", "FLOAT", ["N", 3])],
        [("action", "INT64", ["N", 1] if column else ["N"])],
    )
    policy = OnnxPolicy(path, gym.spaces.Discrete(3), observation_space=SEEN)
    actions, _ = policy.step(np.eye(3)[[2, 0, 1]], [], np.ones(3, bool))
    assert actions.tolist() == [2, 0, 1]


def test_states_that_change_their_shape_are_refused(tmp_path: Path) -> None:
    path = model(
        tmp_path / "p.onnx",
        [
            ("Identity", ["seen"], "action", {}),
            ("Concat", ["state", "state"], "next", {"axis": 1}),
        ],
        [("seen", "FLOAT", ["N", 3]), ("state", "FLOAT", ["N", 2])],
        [("action", "FLOAT", ["N", 3]), ("next", "FLOAT", ["N", 4])],
    )
    box = gym.spaces.Box(-1, 1, (3,))
    with pytest.raises(DataError, match=r"takes states \[\(2, 2\)\] and gives \[\(2, 4\)\]"):
        OnnxPolicy(path, box, observation_space=SEEN)


def test_flags_that_are_no_episode_starts_are_refused(tmp_path: Path) -> None:
    """A mask of actions is boolean, too, and of another shape than the starts `(N,)`."""
    path = model(
        tmp_path / "p.onnx",
        [("Where", ["mask", "seen", "seen"], "action", {})],
        [("seen", "FLOAT", ["N", 3]), ("mask", "BOOL", ["N", 3])],
        [("action", "FLOAT", ["N", 3])],
    )
    box = gym.spaces.Box(-1, 1, (3,))
    with pytest.raises(EnvironmentMismatchError, match="does not take the observations"):
        OnnxPolicy(path, box, observation_space=SEEN)


def test_every_input_and_output_has_a_part(tmp_path: Path) -> None:
    path = model(
        tmp_path / "p.onnx",
        [("Identity", ["seen"], "action", {}), ("Identity", ["seen"], "value", {})],
        [("seen", "FLOAT", ["N", 3])],
        [("action", "FLOAT", ["N", 3]), ("value", "FLOAT", ["N", 3])],
    )
    with pytest.raises(DataError, match="a step takes an observation and states"):
        OnnxPolicy(path, gym.spaces.Box(-1, 1, (3,)), observation_space=SEEN)


def test_a_zip_of_sbx_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {}}))
    with pytest.raises(DataError, match="those of sbx have no tensors"):
        load_expert(tmp_path / "a.zip", ENV)
