"""What a file says of itself is read as it was written, and refused where it cannot be true."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lrs_lightning.deployment.interface import Interface
from lrs_lightning.errors import DataError
from tests.deployment.policies import BOX, DISCRETE, FRAMES, OPEN, policy


@pytest.mark.parametrize("task", [BOX, OPEN, DISCRETE], ids=["box", "open", "discrete"])
@pytest.mark.parametrize("core", ["lstm", "mlp", "cfc-two-layers"])
def test_it_is_read_as_it_was_written(core, task):
    told = Interface.of(policy(core, task), task, dt=core.startswith("cfc"))
    read = Interface.from_json(told.to_json(network={}), "a.onnx")
    assert read.to_dict() == told.to_dict() and read.task == task
    assert read.mean.dtype == np.float32 and np.array_equal(read.std, told.std)


def test_pictures_have_no_statistics():
    made = policy("gru", FRAMES, "small")
    read = Interface.from_json(Interface.of(made, FRAMES).to_json(), "a.onnx")
    assert read.mean is None and read.inputs["observation"] == ["batch", 3, 84, 84]


def changed(**values) -> str:
    told = json.loads(Interface.of(policy("gru"), BOX).to_json())
    return json.dumps(told | values)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "Expected object|nested too deeply"),
        ("[]", "Expected object"),
        (changed(schema=2), "has schema 2"),
        (changed(task={}), "description of the task is incomplete"),
        (changed(task=BOX.to_dict() | {"env": "helper:X-v0"}), "names a module to import"),
        (changed(states={"h": [1, 0]}), "Expected int.*>= 1"),
        (changed(states={"h": [1 << 24, 1 << 24]}), "more numbers than any policy's"),
        (changed(states={"h": [1, 17]}), r"inputs are .* and should be .*\[1, 'batch', 17\]"),
        (changed(dt=True), "its inputs are"),
        (changed(outputs={}), "its outputs are"),
        (changed(statistics={"mean": [0.0], "std": [1.0]}), "no mean and deviation of each of 9"),
        (changed(statistics={"mean": [0.0] * 9, "std": [0.0] * 9}), "statistics.std"),
        (changed(statistics={"mean": [1e300] * 9, "std": [1.0] * 9}), "statistics.mean"),
    ],
)
def test_what_cannot_be_true_is_refused(text, sentence):
    with pytest.raises(DataError, match=rf"(?s)^a\.onnx.*({sentence})") as told:
        Interface.from_json(text, "a.onnx")
    assert "\n" not in str(told.value)
