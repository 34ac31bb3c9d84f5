"""`sweep --launcher ray`: what is refused before anything is made, and a cluster of two nodes."""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from lrs_lightning.cli import main
from lrs_lightning.stopping import Interrupted
from lrs_lightning.training.sweep.launchers import ray_node
from lrs_lightning.training.sweep.launchers.ray_node import Report, Site

ROOT = Path(__file__).parents[3]


def words(out, *more):
    return ["sweep", "--grid.rank=[1]", f"--out={out}", "--launcher=ray", *more]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "--launcher ray needs --address"),
        (["--address=auto", "--gpus=2"], "--gpus is 2: a run takes one GPU"),
        (["--address=auto", "--launcher=local"], "add it"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, capsys, more, sentence):
    assert main(words(tmp_path / "out", *more)) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(words(tmp_path / "out", "--address=auto")) == 2
    assert "pip install 'lrs-lightning[ray]'" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["hello", "ray://host:10001", "host:port", "host:99999"])
def test_what_is_no_address(tmp_path, capsys, address):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    assert main(words(tmp_path / "out", f"--address={address}")) == 2
    assert f"--address is {address!r}: expected HOST:PORT" in capsys.readouterr().err


def test_an_address_that_does_not_answer(tmp_path, capsys):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    began = time.monotonic()
    assert main(words(tmp_path / "out", f"--address=127.0.0.1:{port}")) == 2
    assert time.monotonic() - began < 30
    assert f"no Ray cluster answers at 127.0.0.1:{port}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def site(tmp_path):
    (tmp_path / "token").write_text("1")
    return Site(ray_node.here(), str(tmp_path), str(tmp_path), ("token", "1"))


def test_a_node_is_compared_with_the_driver(site, tmp_path, monkeypatch):
    assert ray_node.unfit(site) == ""
    other = Site(site.versions, site.cwd, site.out, ("token", "2"))
    assert f"cannot see {tmp_path}: give an --out that all nodes share" in ray_node.unfit(other)
    assert "has no folder /nowhere" in ray_node.unfit(Site(site.versions, "/nowhere"))
    versions = {**site.versions, "torch": "1.0"}
    found = f"has torch {site.versions['torch']} and this machine has 1.0"
    assert found in ray_node.unfit(Site(versions, site.cwd))
    monkeypatch.setattr(ray_node, "versions", lambda _: {"python": "3", "torch": "1.0+cpu"})
    assert ray_node.here() == {"torch": "1.0"}, "the build says nothing of the numbers"


def a_fit(given):
    """What a run does that ends in some way."""
    print("trained")
    if isinstance(given, BaseException):
        raise given
    return given


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        (0, 0, ""),
        (Interrupted(signal.SIGTERM), 143, "interrupted by SIGTERM"),
        (ValueError("a\nb"), 1, "ValueError: a b; "),
        (SystemExit(0), 1, "SystemExit: 0"),
    ],
)
def test_how_a_run_ends_on_a_node(site, tmp_path, monkeypatch, given, code, reason):
    monkeypatch.chdir(tmp_path)
    report = ray_node.train(a_fit, "run-000", given, str(tmp_path / "run"), "node-1", site)
    assert report.code == code and report.reason.startswith(reason)
    log = ray_node.log_of(tmp_path, "run-000")
    assert "trained" in log.read_text() and ray_node.last_node(log) == "node-1"
    assert ("Traceback" in log.read_text()) == (code == 1)


def test_a_node_that_has_changed_trains_nothing(site, tmp_path):
    (tmp_path / "token").unlink()
    report = ray_node.train(a_fit, "run-000", 0, str(tmp_path / "run"), "node-1", site)
    assert report == Report(unfit=report.unfit) and "cannot see" in report.unfit
    assert not (tmp_path / "logs").exists()


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each, whose workers find this very checkout."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            cluster.add_node(**node)
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def declared(tiny_store, tmp_path_factory):
    """Two runs of two members, and one that fails of itself."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "suite.yaml").write_text("- clean\n")
    core = {"class_path": "RNN", "init_args": {"hidden_size": 4, "rank": 1}}
    fit = {
        "trainer": {"max_steps": 1500, "accelerator": "cpu"},
        "data": {"path": str(tiny_store), "batches": 50, "burn_in": 2, "batch_size": 4},
        "evaluation": {"suite": "suite.yaml", "episodes": 1, "every_n_epochs": 0},
        "checkpoint": {"every": "1s"},
        "population": {"threads": 1},
        "model": {"policy": {"core": core}},
    }
    content = {"fit": fit, "grid": {"data.window": [8, 9, 1]}, "seeds": {"seed": [0, 1]}}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content))
    return folder


class Command:
    """The command line in a process of its own, in the folder of the declaration."""

    def __init__(self, folder, out, *more):
        line = [sys.executable, "-m", "lrs_lightning", "sweep", "--config=sweep.yaml"]
        line += [f"--out={out}", *more]
        path = os.pathsep.join(p for p in sys.path if p)
        self.out = folder / out
        self.process = subprocess.Popen(
            line, cwd=folder, env={**os.environ, "PYTHONPATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def once_saved(self, act):
        """Do something when a run has a checkpoint; its name."""
        for _ in range(1200):
            for last in self.out.glob("runs/*/checkpoints/last.ckpt"):
                run = last.parent.parent.name
                if not (last.parent.parent / "finished.txt").exists():
                    act(run)
                    return run
            time.sleep(0.1)
        raise AssertionError(self.process.communicate()[0])

    def end(self):
        text = self.process.communicate(timeout=1800)[0]
        return self.process.returncode, text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:  # the test has failed
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def reference(declared):
    """The same sweep without a cluster."""
    with Command(declared, "local") as command:
        code, text = command.end()
    assert code == 2 and "run run-002 failed" in text, text
    return command.out


def same_results(out, reference):
    for name in ("members.csv", "cells.csv"):
        assert (out / name).read_text() == (reference / name).read_text()
    for file in reference.glob("runs/*/members/*/checkpoints/last.ckpt"):
        one, other = (
            torch.load(root / file.relative_to(reference), weights_only=True)["state_dict"]
            for root in (out, reference)
        )
        assert all(torch.equal(one[key], other[key]) for key in other)
        rows = file.parent.parent / "results.jsonl"
        assert (out / rows.relative_to(reference)).read_text().count("\n") == 1
    with (out / "members.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4


def heads(out, run):
    return [x for x in ray_node.log_of(out, run).read_text().splitlines() if x.startswith("@ ")]


@pytest.mark.long
def test_a_worker_that_is_killed_loses_nothing(declared, reference, cluster):
    def kill(run):
        head = heads(command.out, run)[-1]
        os.kill(int(re.search(r"process (\d+)", head)[1]), signal.SIGKILL)

    ray = ["--launcher=ray", f"--address={cluster.address}"]
    with Command(declared, "killed", *ray) as command:
        run = command.once_saved(kill)
        code, text = command.end()
    assert code == 2, text
    assert "sweep: 6 members in 3 runs; 2 runs at a time" in text
    assert f"the process of run {run} has died" in text and "it goes on from its last" in text
    assert "error: run run-002 failed" in text
    first, second = (head.split()[1] for head in heads(command.out, run))
    assert first != second, "tried again on the node that it died on"
    other = {"run-000": "run-001", "run-001": "run-000"}[run]
    assert len(heads(command.out, other)) == 1
    same_results(command.out, reference)
    assert not list(command.out.glob(".[!.]*")), "something is left over"
    # What is finished is not trained again, what has failed is tried again.
    with Command(declared, "killed", *ray) as again:
        code, text = again.end()
    assert code == 2 and "6 members in 3 runs, 4 of them finished" in text
    tries = {f"run-00{n}": len(heads(command.out, f"run-00{n}")) for n in range(3)}
    assert tries == {run: 2, other: 1, "run-002": 2}
    same_results(command.out, reference)


@pytest.mark.long
def test_a_signal_saves_and_the_same_words_go_on(declared, reference, cluster):
    ray = ["--launcher=ray", f"--address={cluster.address}"]
    with Command(declared, "signalled", *ray) as command:
        run = command.once_saved(lambda _: command.process.send_signal(signal.SIGTERM))
        code, text = command.end()
    assert code == 143 and "interrupted by SIGTERM" in text, text
    assert "interrupted by SIGINT" in ray_node.log_of(command.out, run).read_text()
    with Command(declared, "signalled", *ray) as command:
        code, text = command.end()
    assert code == 2, text
    assert "Restored all states" in ray_node.log_of(command.out, run).read_text()
    same_results(command.out, reference)
