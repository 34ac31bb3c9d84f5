"""A checkpoint is what was written, or it is refused in one sentence; and it runs nothing."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile

import pytest
import torch

from lrs_lightning.checkpoints import check_finite, read_checkpoint, write_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.data import Task
from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, DataError, NotFiniteError
from lrs_lightning.nn import CORES, PolicyConfig, build_policy
from lrs_lightning.training import find_checkpoint, load_policy
from lrs_lightning.training.checkpoint_files import PREVIOUS, load_checkpoint
from lrs_lightning.training.checkpoint_io import SealedCheckpointIO


def checkpoint(**changes):
    """What `fit` would write of a small policy, as far as loading it needs."""
    info, config = (
        describe("HalfCheetah-v5"),
        PolicyConfig(core=CORES["cfc"](hidden_size=8, rank=2)),
    )
    task = Task.of("HalfCheetah-v5", info.observation_space, info.action_space)
    policy = build_policy(config, task.observation_space, task.action_space)
    return {
        "global_step": 7,
        "hyper_parameters": {"policy": config.to_dict(), "lr": 0.1},
        "task": task.to_dict(),
        "state_dict": {f"policy.{k}": v for k, v in policy.state_dict().items()},
        **changes,
    }


@pytest.fixture
def last(tmp_path):
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    write_checkpoint(checkpoint(), path)
    return path


def test_what_is_read_is_what_was_written(last):
    state = checkpoint()
    write_checkpoint(state, last)
    read = read_checkpoint(last)
    assert read.keys() == state.keys() and read["task"] == state["task"]
    for name, weight in state["state_dict"].items():
        assert torch.equal(read["state_dict"][name], weight)
    again = torch.load(last, weights_only=True)  # the seal is a comment that torch does not mind
    assert again["global_step"] == 7
    assert torch.load(last, weights_only=True, mmap=True)["global_step"] == 7
    assert zipfile.ZipFile(last).testzip() is None


def test_a_checkpoint_that_torch_saved_alone_loads_too(tmp_path):
    torch.save(checkpoint(), tmp_path / "a.ckpt")
    assert load_policy(tmp_path / "a.ckpt").task.env == "HalfCheetah-v5"


@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_hundred_damaged_ones_of_a_hundred_are_named(last, kind):
    content, draw = last.read_bytes(), random.Random(0)
    positions = [*draw.sample(range(len(content)), 60), *range(len(content) - 40, len(content))]
    for position in positions:
        damaged = bytearray(content)
        if kind == "cut":
            del damaged[position:]
        else:
            damaged[position] ^= 1 << draw.randrange(8)
        last.write_bytes(damaged)
        with pytest.raises(DataError, match=r"last\.ckpt is damaged or no checkpoint"):
            load_policy(last)


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_the_one_before_takes_the_place_of_a_damaged_last(last, capsys, damage):
    previous = last.with_name(PREVIOUS)
    write_checkpoint(checkpoint(global_step=8), last, previous)
    if damage == "missing":
        last.unlink()
    else:
        content = bytearray(last.read_bytes())
        content[1000] ^= 4
        last.write_bytes(content)
    state, file = load_checkpoint(last.parent.parent)
    assert state["global_step"] == 7 and file == previous
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "last.ckpt" in told
    assert f"{previous} of update 7 takes its place" in told
    # and the damaged one never takes the place of the good one
    write_checkpoint(checkpoint(global_step=9), last, previous)
    assert read_checkpoint(previous)["global_step"] == 7
    assert load_checkpoint(last)[0]["global_step"] == 9


class Malice:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def saved(state) -> bytes:
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


def zipped(compression) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 1_000_000)
    return content.getvalue()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda trace: b"", "is damaged or no checkpoint"),
        (lambda trace: b"no checkpoint" * 100, "is damaged or no checkpoint"),
        (lambda trace: pickle.dumps(Malice(trace)), "is damaged or no checkpoint"),
        (lambda trace: zipped(zipfile.ZIP_STORED), "is damaged or no checkpoint"),
        (lambda trace: zipped(zipfile.ZIP_DEFLATED), "it is compressed"),
        (lambda trace: saved(checkpoint(more=Malice(trace))), "was not run"),
        (lambda trace: saved([1, 2]), "it holds a list"),
        (lambda trace: saved({}), "no checkpoint of an ImitationModule"),
        (lambda trace: saved(checkpoint(task=3)), "no checkpoint of an ImitationModule"),
        (lambda trace: saved(checkpoint(state_dict=[])), "no checkpoint of an ImitationModule"),
        (lambda trace: saved(checkpoint(hyper_parameters={"policy": {"rank": 99}})), "Imitation"),
        (lambda trace: saved(checkpoint(hyper_parameters="x")), "ImitationModule"),
    ],
)
def test_junk_is_one_sentence_and_is_never_run(tmp_path, make, sentence):
    file, trace = tmp_path / "a.ckpt", tmp_path / "ran"
    file.write_bytes(make(trace))
    with pytest.raises(DataError, match=sentence) as refused:
        load_policy(file)
    assert str(file) in str(refused.value) and "\n" not in str(refused.value)
    assert not trace.exists()


@pytest.mark.parametrize("verb", ["fit", "test"])
def test_the_verbs_refuse_what_holds_code(tmp_path, verb, capsys):
    file, trace = tmp_path / "a.ckpt", tmp_path / "ran"
    file.write_bytes(saved(checkpoint(more=Malice(trace))))
    assert main([verb, f"--ckpt_path={file}"]) == 2
    assert "was not run" in capsys.readouterr().err.splitlines()[-1]
    assert not trace.exists()


ADDRESSES = ["http://host/a.ckpt", "s3://bucket/a.ckpt", "simplecache::s3://b/a", "registry:a"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_refused(address):
    for read in (
        find_checkpoint,
        load_policy,
        read_checkpoint,
        SealedCheckpointIO().load_checkpoint,
    ):
        with pytest.raises(ArgumentError, match="is not a local path: download"):
            read(address)


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict", "evaluate"])
def test_every_verb_refuses_an_address(verb, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    word = "--policy" if verb == "evaluate" else "--ckpt_path"
    assert main([verb, word, "http://127.0.0.1:9/a.ckpt"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert "download the" in told[-1] and not list(tmp_path.iterdir())


def test_a_task_never_has_a_module_imported(tmp_path, monkeypatch):
    (tmp_path / "helperenv.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    state = checkpoint()
    state["task"]["env"] = "helperenv:X-v0"
    write_checkpoint(state, tmp_path / "a.ckpt")
    with pytest.raises(DataError, match="names a module to import, which no file may"):
        load_policy(tmp_path / "a.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_written(last, bad):
    state, before = checkpoint(), last.read_bytes()
    next(iter(state["state_dict"].values())).view(-1)[0] = bad
    with pytest.raises(NotFiniteError, match=r"last\.ckpt: the weights policy\..* are not finite"):
        SealedCheckpointIO().save_checkpoint(state, last)
    assert last.read_bytes() == before and [p.name for p in last.parent.iterdir()] == ["last.ckpt"]
    check_finite({"counts": torch.tensor([1]), "name": "x"}, "integers and texts are fine")
