"""Files that run where this project cannot be imported, and the gate that they pass."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lrs_lightning.deployment import export_policy, numpy_file, numpy_policy, onnx_loop
from lrs_lightning.deployment.formats import FORMATS
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.nn import LRSGRU, PolicyConfig, RecurrentPolicy
from lrs_lightning.nn.core import Core
from tests.deployment.policies import BOX, DISCRETE, FRAMES, OPEN, policy

RUNNER = Path(__file__).with_name("run_elsewhere.py")


def elsewhere(path: Path, given: dict[str, np.ndarray]) -> np.ndarray:
    calls, results = path.parent / "calls.npz", path.parent / "results.npy"
    np.savez(calls, **given)
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(path), str(calls), str(results)],
        cwd=path.parent,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(results)


def calls(made: RecurrentPolicy, dt: bool, steps: int, rows: int) -> dict[str, np.ndarray]:
    """Observations, resets and times of one loop."""
    draw, shape = np.random.default_rng(rows), made.encoder.observation_shape
    if len(shape) == 3:
        seen = draw.integers(0, 256, (steps, rows, *shape), np.uint8)
    else:
        mean, std = made.encoder.mean.numpy(), made.encoder.std.numpy()
        seen = (draw.standard_normal((steps, rows, *shape)) * std + mean).astype(np.float32)
    given = {"observation": seen, "reset": draw.random((steps, rows)) < 0.02}
    return given | ({"dt": draw.uniform(0.5, 2, (steps, rows)).astype(np.float32)} if dt else {})


@torch.no_grad()
def wanted(made: RecurrentPolicy, given: dict[str, np.ndarray]) -> np.ndarray:
    parts = {k: torch.from_numpy(v) for k, v in given.items()}
    state, found = None, []
    for t in range(len(parts["reset"])):
        dt = parts["dt"][t] if "dt" in parts else None
        out, state = made.step(parts["observation"][t], state, parts["reset"][t], dt)
        found.append(made.decide(out).numpy())
    return np.stack(found)


@pytest.mark.parametrize(
    ("format", "core", "task", "dt"),
    [
        ("numpy", "cfc-two-layers", BOX, True),
        ("numpy", "gru", DISCRETE, False),
        ("onnx", "cfc", BOX, True),
        pytest.param("onnx", "lstm-pruned", DISCRETE, False, marks=pytest.mark.long),
        pytest.param("pt2", "cfc-two-layers", BOX, True, marks=pytest.mark.long),
        pytest.param("onnx", "stack", OPEN, False, marks=pytest.mark.long),
        pytest.param("pt2", "gru", DISCRETE, False, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-two-layers", BOX, False, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-default", BOX, True, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-no_gate", BOX, True, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-pure", BOX, True, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-frozen", BOX, True, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-removed", BOX, False, marks=pytest.mark.long),
        pytest.param("onnx", "cfc-truncated", BOX, False, marks=pytest.mark.long),
        pytest.param("onnx", "gru-matched", BOX, False, marks=pytest.mark.long),
        pytest.param("onnx", "rnn-relu", BOX, False, marks=pytest.mark.long),
        pytest.param("onnx", "mlp", BOX, False, marks=pytest.mark.long),
        pytest.param("pt2", "stack", BOX, False, marks=pytest.mark.long),
    ],
)
def test_it_runs_elsewhere(format, core, task, dt, tmp_path):
    made = policy(core, task)
    path = export_policy(made, task, tmp_path / "out", format, dt=dt).path
    if core == "mlp":  # nothing to forget: there is no such input
        return
    for rows in (1, 4) if format != "pt2" else (4,):  # loading a program takes seconds
        given = calls(made, dt, 1000 // rows, rows)
        np.testing.assert_allclose(elsewhere(path, given), wanted(made, given), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "encoder",
    [
        "small",
        pytest.param("nature", marks=pytest.mark.long),
        pytest.param("ncps", marks=pytest.mark.long),
        pytest.param("impala", marks=pytest.mark.long),
    ],
)
def test_pictures_in_onnx(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.deployment.parity.STEPS", 20)
    core, options = {"name": "gru", "hidden_size": 8}, {"name": encoder, "channels": [2]}
    made = policy(core, FRAMES, options)
    path = export_policy(made, FRAMES, tmp_path, "onnx").path
    given = calls(made, False, 20, 2)
    np.testing.assert_array_equal(elsewhere(path, given), wanted(made, given))


def spoiled(write):
    """A writer that makes a small mistake."""

    def wrong(made, interface, path):
        made.head.dense.bias.data[0] += 1e-3
        write(made, interface, path)
        made.head.dense.bias.data[0] -= 1e-3

    return wrong


@pytest.mark.parametrize("format", ["numpy", "pt2"])
def test_a_file_that_does_not_agree_is_never_there(format, tmp_path, monkeypatch):
    right = FORMATS[format]
    monkeypatch.setitem(FORMATS, format, replace(right, write=spoiled(right.write)))
    made = policy("gru")
    export_old = tmp_path / "old"
    for folder in (tmp_path / "new", export_old):
        folder.mkdir()
    (export_old / right.file).write_bytes(b"what was there before")
    for folder in (tmp_path / "new", export_old):
        with pytest.raises(ArgumentError, match=r"not written: it is off by \d\.\de-0[34] at step"):
            export_policy(made, BOX, folder, format)
    assert not list((tmp_path / "new").iterdir())
    assert [f.read_bytes() for f in export_old.iterdir()] == [b"what was there before"]


def test_the_tolerance_is_the_users(tmp_path):
    with pytest.raises(ArgumentError, match="and 1e-12 is allowed"):
        export_policy(policy("gru"), BOX, tmp_path / "a" / "b", "numpy", tolerance=1e-12)
    assert not list(tmp_path.iterdir())


def test_a_policy_that_is_not_finite_is_refused(tmp_path):
    made = policy("rnn-relu", OPEN)
    with torch.no_grad():
        made.core.part("weight_hh", 0).fill_(10)
    with pytest.raises(ArgumentError, match="the policy's own output of step .* is not finite"):
        export_policy(made, OPEN, tmp_path, "numpy")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_run_is_told(tmp_path, monkeypatch):
    def wrong(made, interface, path):
        write(made, replace(interface, task=replace(BOX, observation_shape=(4,))), path)

    write = numpy_file.write_numpy
    monkeypatch.setitem(FORMATS, "numpy", replace(FORMATS["numpy"], write=wrong))
    with pytest.raises(ArgumentError, match=r"it is wrong: step 0 failed: ValueError: observation"):
        export_policy(policy("gru"), BOX, tmp_path, "numpy")


class Mean(Core):
    """Somebody's own core: the mean of what an episode has shown so far."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.input_size = self.output_size = size
        self.scale = torch.nn.Parameter(torch.ones(size))

    def initial_state(self, batch, like):
        return like.new_zeros(1, batch, self.input_size), like.new_zeros(1, batch, 1)

    def forward(self, x, hx=None, *, timespans=None, resets=None):
        total, count = self.initial_state(x.shape[1], x) if hx is None else hx
        outputs = []
        for t in range(x.shape[0]):
            if resets is not None:
                kept = (~resets[t]).to(x.dtype)[:, None]
                total, count = total * kept, count * kept
            total, count = total + x[t], count + 1
            outputs.append(self.scale * (total / count)[0])
        return torch.stack(outputs), (total, count)


class Sorted(Mean):
    """One that looks at its numbers, which a program cannot."""

    def forward(self, x, hx=None, **options):
        if float(x.sum()) > 0:
            x = x + 1
        return super().forward(x, hx, **options)


@pytest.mark.parametrize("core", [Mean(16), LRSGRU(16, 8, 2, rank=2)], ids=["own", "layer"])
def test_cores_of_ones_own_are_programs_too(core, tmp_path):
    made = policy("gru", BOX, {"name": "mlp", "features": 16})
    made.core, made.head = core, policy({"name": "mlp", "hidden_size": core.output_size}).head
    assert export_policy(made, BOX, tmp_path, "pt2").agreement.difference < 1e-5
    if isinstance(core, Mean):
        with pytest.raises(ArgumentError, match="'numpy' does not know the core Mean"):
            export_policy(made, BOX, tmp_path, "numpy")


def test_what_cannot_be_recorded_is_refused(tmp_path):
    made = policy("gru", BOX, {"name": "mlp", "features": 16})
    made.core, made.head = Sorted(16), policy({"name": "mlp", "hidden_size": 16}).head
    with pytest.raises(ArgumentError, match="cannot be recorded as one step .*core Sorted") as told:
        export_policy(made, BOX, tmp_path, "pt2")
    assert "\n" not in str(told.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "tflite"}, "unknown export format 'tflite'.*numpy, onnx, pt2"),
        ({"format": "numpy", "dt": True}, "dt was asked for, and the policy knows no time"),
        ({"format": "numpy", "reset": False}, "format 'numpy' .*leave out --no_reset"),
    ],
)
def test_bad_arguments(options, sentence, tmp_path):
    with pytest.raises(LrsError, match=sentence):
        export_policy(policy("gru"), BOX, tmp_path, **options)


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript"])
def test_what_onnx_needs_is_said(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ArgumentError, match=r"pip install 'lrs-lightning\[export"):
        export_policy(policy("gru"), BOX, tmp_path, "onnx")
    assert not list(tmp_path.iterdir())


def test_the_policy_is_left_as_it_was(tmp_path):
    made = policy("cfc-frozen").train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    for format in ("numpy", "pt2"):
        export_policy(made, BOX, tmp_path, format)
    assert made.training and all(p.requires_grad for p in made.parameters())
    for name, value in made.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.usefixtures("all_steps")
def test_the_task_is_played_where_it_is_here(tmp_path):
    from lrs_lightning.data import Task
    from lrs_lightning.envs import describe

    info = describe("InvertedPendulum-v5")
    task = Task.of("InvertedPendulum-v5", info.observation_space, info.action_space)
    made = policy_for(task)
    found = export_policy(made, task, tmp_path, "numpy").agreement
    assert (found.world, found.steps) == ("InvertedPendulum-v5", 1000) and found.resets > 30
    other = replace(task, action_high=(1.0,))  # not this machine's any more
    assert export_policy(made, other, tmp_path, "numpy").agreement.world == "drawn observations"


def policy_for(task):
    from lrs_lightning.nn import build_policy

    config = PolicyConfig.from_dict({"core": {"name": "gru", "hidden_size": 8}, "init_seed": 0})
    return build_policy(config, task.observation_space, task.action_space).eval()


@pytest.mark.parametrize("format", ["onnx", "pt2"])
@pytest.mark.parametrize("core", ["lstm", "stack"])
def test_a_file_that_is_not_told_of_resets(format, core, tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.deployment.parity.STEPS", 100)
    exported = export_policy(policy(core), BOX, tmp_path, format, reset=False)
    assert "reset" not in exported.interface.inputs and exported.agreement.resets > 3
    assert "set its state to zeros there" in (tmp_path / "README.md").read_text()


def test_a_policy_without_memory_has_nothing_to_forget(tmp_path):
    for reset in (True, False):
        assert not export_policy(policy("mlp"), BOX, tmp_path, "pt2", reset=reset).interface.reset
    assert "set its state" not in (tmp_path / "README.md").read_text()


def test_the_loop_beside_the_onnx_file_is_ours(tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.deployment.parity.STEPS", 10)
    export_policy(policy("gru"), BOX, tmp_path, "onnx")
    assert (tmp_path / "onnx_loop.py").read_text() == Path(onnx_loop.__file__).read_text()


def test_the_module_beside_the_weights_is_ours(tmp_path):
    export_policy(policy("gru"), BOX, tmp_path, "numpy")
    assert (tmp_path / "lrs_policy.py").read_text() == Path(numpy_policy.__file__).read_text()
    about = json.loads(str(np.load(tmp_path / "policy.npz")["about"]))
    assert about["inputs"]["h"] == [1, "batch", 16] and about["task"]["env"] == "MyRobot-v0"
