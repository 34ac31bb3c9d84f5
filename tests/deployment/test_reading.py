"""Exported files in `evaluate`: the same actions, task and unit of noise as the run's policy."""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from importlib.resources import files as package_files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lrs_lightning.data import Task
from lrs_lightning.deployment import export_policy, onnx_loop
from lrs_lightning.deployment.interface import KEY
from lrs_lightning.deployment.onnx_loop import OnnxLoop
from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError, LrsError
from lrs_lightning.evaluation import evaluate
from lrs_lightning.evaluation.identity import fingerprint
from lrs_lightning.evaluation.policies import Candidate, resolve
from lrs_lightning.nn import RecurrentPolicy, build_policy
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.training.playable import context_of
from tests.deployment.policies import BOX, policy
from tests.reliability.spoiling import spoil_bytes
from tests.reliability.watching import watched

ENV = "InvertedPendulum-v5"  # ends within some steps, so that rounding has no time to grow

# Shipped files and what installed packages say of their plug-ins are read beside.
OURS = (Path(str(package_files("lrs_lightning"))), *(Path(place) for place in sys.path if place))


@pytest.fixture(scope="module")
def task() -> Task:
    info = describe(ENV)
    return Task.of(ENV, info.observation_space, info.action_space)


@pytest.fixture(scope="module")
def made(task) -> RecurrentPolicy:
    config = {"core": {"name": "lstm", "hidden_size": 16, "num_layers": 2}, "init_seed": 0}
    made = build_policy(config, task.observation_space, task.action_space).eval()
    made.encoder.set_statistics([0.0, 0.1, 0.0, 0.2], [0.5, 0.1, 1.0, 2.0])
    return made


@pytest.fixture(scope="module")
def files(made, task, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    return {kind: export_policy(made, task, folder / kind, kind).path for kind in ("onnx", "numpy")}


def candidates(*words: str | Path, env: str | None = None) -> list[Candidate]:
    found = resolve([str(word) for word in words], env, lambda path: None)  # type: ignore[arg-type,return-value]
    assert found[0] == ENV
    return found[1]


@pytest.mark.parametrize("kind", ["onnx", "numpy"])
def test_it_is_judged_as_the_run_is(kind, files, made, task):
    (found,) = candidates(files[kind])
    assert found.name == "policy" and found.env == ENV
    assert found.about["kind"] == kind and found.about["cell"] == "lstm"
    assert fingerprint(found.policy) and found.about["parameters"] > 0
    own = context_of(made)
    assert np.array_equal(found.context.observation_std, own.observation_std)
    assert np.array_equal(found.context.observation_mean, own.observation_mean)
    suite = ["clean", "sensor_noise@2", "sensor_dropout@2"]
    players = {"run": TorchPolicy(made, task.action_space), "file": found.policy}
    summary = evaluate(
        players, ENV, suite, 4, context=own, references={"expert": 1000.0, "random": 5.0}
    )
    run, file = summary.all
    for mine, theirs in zip(run.conditions, file.conditions, strict=True):
        assert theirs["failed"] == 0
        assert theirs["return_mean"] == pytest.approx(mine["return_mean"], rel=1e-6)


@pytest.mark.parametrize("kind", ["onnx", "numpy"])
def test_rows_forget_alone_and_show_what_they_remember(kind, files, made, task):
    (found,) = candidates(files[kind])
    ours, draw = TorchPolicy(made, task.action_space), np.random.default_rng(0)
    mine, theirs = ours.initial_state(3), found.policy.initial_state(3)
    for step in range(20):
        seen, starts = draw.normal(size=(3, 4)), np.array([step == 0, step % 3 == 0, False])
        wanted, mine = ours.step(seen, mine, starts)
        actions, theirs = found.policy.step(seen, theirs, starts)
        np.testing.assert_allclose(actions, wanted, rtol=0, atol=1e-5)
    recorded = found.policy.state_arrays(theirs)
    for name, part in ours.state_arrays(mine).items():
        np.testing.assert_allclose(recorded[name], part, atol=1e-5)


@pytest.fixture(scope="module")
def untold(made, task, tmp_path_factory) -> Path:
    """An ONNX file without the input `reset`."""
    return export_policy(made, task, tmp_path_factory.mktemp("untold"), "onnx", reset=False).path


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_loop_of_bound_arrays_is_the_same(rows, told, files, untold):
    (found,) = candidates(files["onnx"])
    loop, draw = OnnxLoop(files["onnx"] if told else untold, rows), np.random.default_rng(0)
    state = found.policy.initial_state(rows)
    for step in range(20):
        seen, starts = draw.normal(size=(rows, 4)), np.arange(rows) == step % 7
        wanted, state = found.policy.step(seen, state, starts)
        action = loop(seen, reset=starts) if starts.any() else loop(seen)
        np.testing.assert_allclose(action, wanted, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match=r"observation has shape \(4,\), expected \("):
        loop(np.zeros(4))
    with pytest.raises(KeyError, match="dt"):
        loop(np.zeros((rows, 4)), dt=1.0)


@pytest.mark.parametrize("told", [True, False])
def test_a_reset_clears_what_was_not_finite(told, files, untold):
    loop = OnnxLoop(files["onnx"] if told else untold, 2)
    loop(np.array([[np.inf] * 4, [1.0] * 4]))
    loop(np.ones((2, 4)), reset=[True, False])
    fresh = OnnxLoop(files["onnx"], 2)
    fresh(np.ones((2, 4)))
    np.testing.assert_allclose(loop(np.ones((2, 4)))[0], fresh(np.ones((2, 4)))[0], atol=1e-6)


def test_a_file_that_is_not_told_of_resets_plays_the_same(files, untold):
    (told,), (other,) = candidates(files["onnx"]), candidates(untold)
    draw = np.random.default_rng(0)
    states = [player.policy.initial_state(3) for player in (told, other)]
    for step in range(20):
        seen, starts = draw.normal(size=(3, 4)), np.arange(3) == step % 7
        actions = []
        for place, player in enumerate((told, other)):
            action, states[place] = player.policy.step(seen, states[place], starts)
            actions.append(action)
        np.testing.assert_allclose(*actions, rtol=0, atol=1e-6)


def test_a_loop_in_an_onnxruntime_that_shows_no_more(files):
    loop = OnnxLoop(files["onnx"])
    bindings = loop._bindings
    session = SimpleNamespace(run_with_iobinding=print)
    assert onnx_loop._runner(session, bindings) == (print, bindings)


def test_a_file_of_another_task_is_refused(files):
    with pytest.raises(EnvironmentMismatchError, match="was made for InvertedPendulum-v5"):
        candidates(files["numpy"], env="HalfCheetah-v5")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ArgumentError, match="no policy at .*gone.npz"):
        candidates(tmp_path / "gone.npz")


def rezipped(path: Path, target: Path, change, kind: int = zipfile.ZIP_STORED) -> Path:
    """The file with its arrays changed."""
    with np.load(path) as file:
        arrays = change(dict(file))
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", content.getvalue())
    return target


def told(arrays, **values):
    about = json.loads(str(arrays["about"])) | values
    return arrays | {"about": np.array(json.dumps(about))}


HOSTILE = {
    "pickle": (
        lambda a: a | {"stages.0.bias": np.array([print], object)},
        "Object arrays cannot be loaded",
    ),
    "nothing": (lambda a: {}, "KeyError"),
    "no array": (lambda a: {k: v for k, v in a.items() if k != "stages.1.bias"}, "stages.1.bias"),
    "sizes": (
        lambda a: a | {f"stages.0.{k}": a[f"stages.0.{k}"][:-1] for k in ("weight", "bias")},
        "a stage gives 127 numbers, and the next reads 128",
    ),
    "shape": (lambda a: a | {"stages.0.weight": np.zeros((3, 3))}, "ValueError"),
    "size": (lambda a: a | {"stages.1.weight_hh": np.zeros((64, 15))}, "ValueError|states"),
    "network": (lambda a: told(a, network={}), "KeyError"),
    "operation": (
        lambda a: told(
            a,
            network=json.loads(str(a["about"]))["network"] | {"stages": [{"op": "os.system"}] * 4},
        ),
        "KeyError.*os.system",
    ),
    "state": (
        lambda a: told(
            a,
            states={"h": [1, 16]},
            inputs={"observation": ["batch", 4], "h": [1, "batch", 16], "reset": ["batch"]},
            outputs={"action": ["batch", 1], "h_n": [1, "batch", 16]},
        ),
        "says that its states are",
    ),
    "module": (
        lambda a: told(a, task=json.loads(str(a["about"]))["task"] | {"env": "evil:X-v0"}),
        "names a module to import",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_weights_are_named(kind, files, tmp_path):
    change, sentence = HOSTILE[kind]
    spoilt = rezipped(files["numpy"], tmp_path / "bad.npz", change)
    with pytest.raises(DataError, match=sentence) as told:
        candidates(spoilt)
    assert "\n" not in str(told.value)


def test_packed_weights_are_refused_unread(files, tmp_path):
    packed = rezipped(files["numpy"], tmp_path / "bad.npz", dict, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="is compressed, which `export` never does"):
        candidates(packed)


@pytest.mark.parametrize("kind", ["onnx", "numpy"])
def test_spoilt_files_are_read_or_refused_in_one_sentence(kind, files, tmp_path):
    good, path = files[kind].read_bytes(), tmp_path / files[kind].name
    path.write_bytes(good)
    seen, starts, refused = np.zeros((2, 4)), np.ones(2, bool), 0
    candidates(path)  # whatever is imported on first use is imported now
    for number in range(60):
        path.write_bytes(spoil_bytes(good, random.Random(f"{kind} {number}")))
        with watched(tmp_path, *OURS) as events, np.errstate(all="ignore"):
            try:
                (found,) = resolve([str(path)], ENV, lambda path: None)[1]  # type: ignore[arg-type,return-value]
                found.policy.step(seen, found.policy.initial_state(2), starts)
            except LrsError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 2000
        assert not events
    assert refused > 20


def renamed(path: Path, target: Path, text: str) -> Path:
    import onnx

    model = onnx.load(path)
    (entry,) = [p for p in model.metadata_props if p.key == KEY]
    entry.value = text
    onnx.save(model, target)
    return target


def test_hostile_metadata_are_named(files, tmp_path):
    own = policy("gru")
    other = export_policy(own, BOX, tmp_path / "other", "numpy").interface.to_json()
    for text, sentence in (
        ("{", "is no JSON"),
        ("{}", "missing required field"),
        (other, "says of its inputs .* and they are"),
    ):
        spoilt = renamed(files["onnx"], tmp_path / "bad.onnx", text)
        with pytest.raises(DataError, match=rf"bad\.onnx.*{sentence}"):
            candidates(spoilt)
