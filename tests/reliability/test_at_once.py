"""Several processes and one folder: right, or refused in a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from lrs_kernels.native import build
from lrs_kernels.native.seal import is_whole
from lrs_lightning.data import DemonstrationStore
from lrs_lightning.errors import DataError
from lrs_lightning.evaluation import evaluate
from lrs_lightning.locking import LOCK, alone_in
from lrs_lightning.statistics.results import read_results
from lrs_lightning.training.checkpoint_files import load_checkpoint
from tests.evaluation.toys import ENV_ID, Constant, register
from tests.reliability.warm import at_once

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from lrs_lightning.locking import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def play(folder):
    register()
    return evaluate({"p": Constant(1.0)}, ENV_ID, ["clean"], 3, references={}, out=folder)


@pytest.mark.long
def test_two_fits_at_once_with_nothing_in_any_cache(tmp_path):
    """One collects, one library is published, and each has a run of its own."""
    (tmp_path / "suite.yaml").write_text("- clean\n")
    words = ["--data.episodes=2", "--data.batches=2", "--trainer.max_steps=4"]
    words += ["--evaluation.suite=suite.yaml", "--evaluation.episodes=1", "--spectrum.looks=1"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "lrs_lightning", "fit", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=1500) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sum(out.count("collecting 2 episodes") for out, _ in said) == 1
    runs = sorted((tmp_path / "runs" / "HalfCheetah-v5").iterdir())
    assert [run.name for run in runs] == ["version_0", "version_1"]
    for run in runs:
        assert len(list(run.glob("events.out.tfevents*"))) == 1
        assert not (run / LOCK).exists()
    one, other = (load_checkpoint(run)[0]["state_dict"] for run in runs)
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())
    assert [rows_of(run) for run in runs] == [rows_of(runs[0])] * 2
    (store,) = (tmp_path / "cache/lrs_lightning/demonstrations").glob("[!.]*")
    assert len(DemonstrationStore(store)) == 2
    if build._compilers():
        (library,) = (tmp_path / "cache/lrs_kernels").iterdir()
        assert is_whole(library)


def rows_of(folder: Path) -> list[tuple[str, int, float]]:
    return [(row["condition"], row["seed"], row["return"]) for row in read_results(folder)]


def test_a_second_evaluation_into_a_folder_is_refused_and_leaves_it_alone(tmp_path):
    folder = tmp_path / "out"
    with alone_in(folder), ThreadPoolExecutor(1) as other:
        with pytest.raises(DataError, match="another process is writing into") as caught:
            other.submit(play, folder).result()
        assert "\n" not in str(caught.value)
        assert [path.name for path in folder.iterdir()] == [LOCK]
    assert not folder.exists(), "nothing came of it"
    play(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["results.jsonl", "summary.json"]


def test_who_is_alone_may_ask_again_and_another_thread_may_not(tmp_path):
    with alone_in(tmp_path / "out"), ThreadPoolExecutor(1) as other:
        with alone_in(tmp_path / "out" / ".." / "out"):
            pass
        assert (tmp_path / "out" / LOCK).exists(), "still held"
        with pytest.raises(DataError, match="another process"):
            other.submit(alone_in(tmp_path / "out").__enter__).result()
    assert not (tmp_path / "out").exists()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    holder = start(HOLD, tmp_path / "out")
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(DataError, match="another process"):
        play(tmp_path / "out")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert (tmp_path / "out" / LOCK).exists()
    play(tmp_path / "out")
    assert not (tmp_path / "out" / LOCK).exists()


def test_folders_that_were_there_stay(tmp_path):
    with alone_in(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    with alone_in(tmp_path / "a"):
        pass
    assert list((tmp_path / "a").iterdir()) == []


def an_expert(path: Path) -> Path:
    """Of a task whose episodes take 50 steps."""
    rng = np.random.default_rng(0)
    layers = {}
    for number, (rows, columns) in enumerate([(8, 10), (8, 8), (2, 8)]):
        layers[f"layers.{number}.weight"] = rng.standard_normal((rows, columns), np.float32)
        layers[f"layers.{number}.bias"] = rng.standard_normal(rows, np.float32)
    save_file(layers, path, {"env": "Reacher-v5"})
    return path


@pytest.mark.parametrize("rounds", [4, pytest.param(60, marks=pytest.mark.long)])
def test_two_collections_into_one_folder_are_each_right(tmp_path, rounds):
    """Into a cold folder, then over what is there; the store is the one or the other, whole."""
    expert = an_expert(tmp_path / "expert.safetensors")
    words = ["collect", "--env", "Reacher-v5", "--expert", str(expert), "--episodes", "2"]
    lines = [
        [[*words, "--out", str(tmp_path / f"store-{n // 2}"), "--seed", str(s)] for s in (1, 2)]
        for n in range(rounds)
    ]
    for ends in at_once(*lines):
        for said in ends:
            assert (said.code, said.err) == (0, ""), said
            assert "2 episodes, 100 steps" in said.out
    for folder in tmp_path.glob("store-*"):
        store = DemonstrationStore(folder)
        seed = store.manifest["seed"]
        assert [e.origin.seed for e in store] == [1_000_000 + seed * 10_000 + k for k in (0, 1)]
        assert all(np.isfinite(e.observations).all() for e in store)
        assert len(list(folder.iterdir())) == 3, "the lock, the manifest, and one file of episodes"


def test_of_three_evaluations_at_once_one_plays_and_no_episode_is_there_twice(tmp_path):
    """One that comes late finds it all played."""
    policy = "--policy=p=tests.evaluation.toys:Slow"
    words = ["evaluate", policy, "--env", ENV_ID, "--episodes", "20", "--quiet"]
    words += ["--suite", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out")]
    (tmp_path / "suite.yaml").write_text("- clean\n- sensor_delay@1\n")
    (ends,) = at_once([words] * 3)
    assert 0 in [said.code for said in ends], ends
    for said in ends:
        refused = said.err.startswith("error: another process is writing")
        assert said.code == 0 or (said.code == 2 and refused and said.err.count("\n") == 1), said
    assert any(said.code == 2 for said in ends), "they did not meet"
    rows = read_results(tmp_path / "out")
    keys = [(row["condition"], row["seed"]) for row in rows]
    assert len(keys) == len(set(keys)) == 40
    assert all(row["status"] == "ok" for row in rows)
