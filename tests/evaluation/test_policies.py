"""Every kind of policy that the command line takes, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.evaluation import policies
from lrs_lightning.evaluation.identity import fingerprint
from lrs_lightning.evaluation.policies import Candidate, Reactive, resolve
from lrs_lightning.experts import shipped_experts
from tests.evaluation.toys import ENV_ID, Constant, register

CHEETAH = "HalfCheetah-v5"


@pytest.fixture(autouse=True)
def toy() -> None:
    register()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_policies.py").write_text(
        "import numpy as np\n"
        "def still(observations):\n    return np.zeros((len(observations), 1), np.float32)\n"
        "class Counting:\n"
        "    def initial_state(self, n):\n        return np.zeros(n)\n"
        "    def step(self, observations, state, starts):\n"
        "        state = np.where(starts, 0, state) + 1\n"
        "        return (state[:, None] % 2).astype(np.float32), state\n"
        "counting = Counting()\n"
        "number = 7\n"
    )
    (tmp_path / "shouting.py").write_text("raise ValueError('of two\\n   lines')\n")
    return "my_policies"


def checkpoint(path: Path) -> Candidate:
    return Candidate(path.stem, Constant(1.0), {"cell": "cfc"}, ENV_ID)


def one(word: str, env: str | None = ENV_ID) -> Candidate:
    return resolve([word], env, checkpoint)[1][0]


def test_shipped_expert_and_its_file(tmp_path: Path) -> None:
    shipped = one("shipped", CHEETAH)
    assert (shipped.name, shipped.env) == ("expert", CHEETAH)
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(shipped_experts()[CHEETAH].read_bytes())
    observations = np.random.default_rng(0).normal(size=(3, 17))
    starts = np.ones(3, bool)
    mine = one(str(copy), CHEETAH)
    assert mine.name == "mine"
    np.testing.assert_array_equal(
        mine.policy.step(observations, None, starts)[0],
        shipped.policy.step(observations, None, starts)[0],
    )


def test_archive_of_stable_baselines(shared_data: Path) -> None:
    found = one(str(shared_data / "experts" / "sac-Hopper-v3.zip"), "Hopper-v5")
    assert (found.name, found.about["kind"]) == ("sac-Hopper-v3", "expert")
    actions, _ = found.policy.step(np.zeros((2, 11)), None, np.ones(2, bool))
    assert actions.shape == (2, 3) and (np.abs(actions) <= 1).all()


def test_checkpoints_and_run_folders_go_to_their_loader(tmp_path: Path) -> None:
    run = tmp_path / "run-1"
    run.mkdir()
    env, found = resolve([str(run), "other.ckpt"], None, checkpoint)
    assert env == ENV_ID  # the checkpoint knows its task
    assert [c.name for c in found] == ["run-1", "other"]


def test_the_users_own_code(module: str) -> None:
    observations, starts = np.zeros((2, 2)), np.array([True, False])
    function = one(f"{module}:still")
    assert isinstance(function.policy, Reactive) and function.name == "still"
    assert function.policy.step(observations, None, starts)[0].shape == (2, 1)
    assert fingerprint(function.policy) == fingerprint(one(f"{module}:still").policy) is not None
    for word in (f"{module}:Counting", f"{module}:counting"):
        policy = one(word).policy
        state = policy.initial_state(2)
        _, state = policy.step(observations, state, np.ones(2, bool))
        _, state = policy.step(observations, state, starts)
        np.testing.assert_array_equal(state, [1, 2])


def test_names_can_be_given_and_differ(module: str) -> None:
    words = [f"{module}:still", f"mine={module}:still", f"{module}:still"]
    _, found = resolve(words, ENV_ID, checkpoint)
    assert [c.name for c in found] == ["still", "mine", "still-2"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
        (["", ""], ["_", "_-2"]),
        (["two\nlines", "two_lines"], ["two_lines", "two_lines-2"]),
        (["\udc80 no text"], ["_ no text"]),
        (["x" * 1000], ["x" * 1000]),
        (["x" * 1001, "x" * 1002], ["x" * 1000 + "...", "x" * 1000 + "...-2"]),
    ],
)
def test_names_can_be_shown_and_written(names: list[str], shown: list[str]) -> None:
    found = policies._distinct(Candidate(name, Constant(1.0)) for name in names)
    assert [c.name for c in found] == shown


def test_what_a_summary_says_of_a_policy(module: str, tmp_path: Path) -> None:
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(shipped_experts()[CHEETAH].read_bytes())
    assert one(f"{module}:still").about == {"kind": "function", "source": f"{module}:still"}
    assert one(f"{module}:Counting").about == {"kind": "function", "source": f"{module}:Counting"}
    expert = {"kind": "expert", "algorithm": "SAC"}
    assert one("shipped", CHEETAH).about == expert | {"source": "shipped"}
    assert one(str(copy), CHEETAH).about == expert | {"source": str(copy)}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("nonsense", "policy 'nonsense': give a checkpoint"),
        ("runs/gone", "policy 'runs/gone': there is no such path; give a checkpoint"),
        ("https://example.org/a.ckpt", "is an address: download the file"),
        ("no_such_module:f", "cannot be loaded: ModuleNotFoundError"),
        ("my_policies:absent", "AttributeError: module 'my_policies' has no attribute 'absent'$"),
        ("shouting:f", "cannot be loaded: ValueError: of two lines$"),
        ("my_policies:number", "is a int: give a function of observations"),
        ("gone.safetensors", "no expert at gone.safetensors"),
        ("gone.onnx", "no policy at gone.onnx"),
        ("policy.pt2", "PyTorch unpickles such a file.*--format onnx or numpy"),
        ("shipped", "unknown shipped expert 'tests/Toy-v0'"),
    ],
)
def test_bad_words(module: str, word: str, sentence: str) -> None:
    if word.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    with pytest.raises(LrsError, match=sentence):
        one(word)


def test_policies_of_two_tasks_are_refused() -> None:
    with pytest.raises(LrsError, match=r"'x.ckpt' was made for tests/Toy-v0, and HalfCheetah-v5"):
        resolve(["x.ckpt"], CHEETAH, checkpoint)


def test_onnx_is_named_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(LrsError, match=r"needs onnxruntime: pip install 'lrs-lightning\[onnx\]'"):
        one("some.onnx")
