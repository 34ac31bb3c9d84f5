"""`fit` with a section `population`: files, other commands, restarts, divergence, mistakes."""

from __future__ import annotations

import json
import math
import os
import re
import signal
from pathlib import Path

import pytest
import torch
import yaml

from lrs_lightning.checkpoints import read_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, cores
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training import ImitationModule, load_policy
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.population.members import Seeds, make_members
from lrs_lightning.training.population.module import PopulationModule
from lrs_lightning.training.population.section import Population, expand
from lrs_lightning.training.population.updates import clip
from tests.training.sections import fit_with

SECTION = {
    "grid": {"rank": [1, 3], "seed": [0, 1]},
    "members": [{"name": "dense", "control": "Dense", "lr": 0.001, "mask_seed": 4}],
}
NAMES = {"rank-1,seed-0", "rank-1,seed-1", "rank-3,seed-0", "rank-3,seed-1", "dense"}


pytestmark = pytest.mark.usefixtures("unjudged")


@pytest.fixture(scope="module")
def words(tiny_store, tmp_path_factory):
    return fit_with(tmp_path_factory.mktemp("conf"), tiny_store, population=SECTION)


@pytest.fixture(scope="module")
def run(words, unjudged, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("population")
    assert main([*words, f"--trainer.logger.save_dir={folder}"]) == 0
    return folder / "HalfCheetah-v5" / "version_0"


def members(run: Path) -> dict[str, Path]:
    return {path.name: path for path in (run / "members").iterdir()}


def test_every_member_has_a_run_folder(run):
    assert members(run).keys() == NAMES
    for folder in members(run).values():
        files = {path.name for path in folder.iterdir()}
        assert {"config.yaml", "checkpoints", "results.jsonl", "summary.json"} <= files
        assert any(name.startswith("events.out.tfevents") for name in files)
        checkpoints = {path.name for path in (folder / "checkpoints").iterdir()}
        assert checkpoints == {"initial.ckpt", "best.ckpt", "last.ckpt"}
        trained = load_policy(folder)
        assert trained.policy.core.connectivity.rank in (None, 1, 3)


def test_members_say_what_they_are(run):
    told = {name: Summary.read(folder) for name, folder in members(run).items()}
    assert told["rank-3,seed-1"].policy["rank"] == 3
    assert told["rank-3,seed-1"].policy["seeds"]["training"] == 1
    assert told["dense"].policy["control"] == "dense"
    assert told["dense"].policy["seeds"]["mask"] == 4
    whole = Summary.read(run)
    assert {one.name for one in whole.all} == NAMES
    methods = {frozenset(method["policies"]) for method in whole.methods}
    assert frozenset({"rank-1,seed-0", "rank-1,seed-1"}) in methods
    for one in whole.all:
        assert told[one.name].conditions == one.conditions


def test_a_member_s_configuration_is_that_of_a_single_fit(run, tmp_path):
    config = members(run)["dense"] / "config.yaml"
    content = yaml.safe_load(config.read_text())
    assert "population" not in content and content["model"]["lr"] == 0.001
    words = ["fit", f"--config={config}", "--trainer.fast_dev_run=1"]
    assert main([*words, f"--trainer.default_root_dir={tmp_path}"]) == 0


def test_other_commands_take_a_member(run, tmp_path):
    folders = [str(members(run)[name]) for name in ("dense", "rank-1,seed-0")]
    assert main(["report", *folders, "--out", str(tmp_path / "report.html")]) == 0
    words = ["export", folders[0], "--format", "numpy", "--out", str(tmp_path / "export")]
    assert main(words) == 0


def test_a_whole_population_is_no_policy(run, capsys):
    assert main(["evaluate", "--policy", str(run)]) == 2
    assert "is of a whole population: give the folder of one of its mem" in capsys.readouterr().err
    assert main(["validate", f"--ckpt_path={run}"]) == 2
    assert "is of a whole population" in capsys.readouterr().err


def assert_equal(one, other, where="checkpoint"):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


def test_a_run_that_was_cut_goes_on_to_the_last_bit(run, words, tmp_path, monkeypatch):
    monkeypatch.setattr(ShiftedEvaluation, "_report", lambda *_: None)
    words = [*words, f"--trainer.logger.save_dir={tmp_path}"]
    step = PopulationModule.training_step

    def cut(self, batch, number):
        if self.trainer.global_step == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(PopulationModule, "training_step", cut)
        assert main(words) == 143
    assert main([*words, "--ckpt_path=last"]) == 0
    again = tmp_path / "HalfCheetah-v5" / "version_0"
    whole, resumed = (read_checkpoint(r / "checkpoints" / "last.ckpt") for r in (run, again))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "population"):
        assert_equal(whole[key], resumed[key], key)
    for name, folder in members(run).items():
        for file in ("initial.ckpt", "best.ckpt", "last.ckpt"):
            paths = (one / "checkpoints" / file for one in (folder, members(again)[name]))
            assert_equal(*map(read_checkpoint, paths), f"{name} {file}")


def test_a_member_that_diverges_stops_alone(words, run, tmp_path, monkeypatch, capsys):
    def spoiled(stacked, *arguments):
        norms = clip(stacked, *arguments)
        if spoiled.calls == 14 and len(norms) > 1:  # the seventh update of two stacks and more
            norms[0] = math.nan
        spoiled.calls += 1
        return norms

    spoiled.calls = 0
    monkeypatch.setattr("lrs_lightning.training.population.stacks.clip", spoiled)
    one_thread = [*words, "--population.threads=1", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(one_thread) == 3
    errors = capsys.readouterr().err
    assert "note: member rank-1,seed-0 stops at update 7" in errors
    assert "error: member rank-1,seed-0 stopped at update 7" in errors
    folder = tmp_path / "HalfCheetah-v5" / "version_0"
    assert {one.name for one in Summary.read(folder).all} == NAMES - {"rank-1,seed-0"}
    assert not (members(folder)["rank-1,seed-0"] / "summary.json").exists()
    for name in NAMES - {"rank-1,seed-0"}:
        last, expected = (
            read_checkpoint(members(r)[name] / "checkpoints" / "last.ckpt")["state_dict"]
            for r in (folder, run)
        )
        for key, value in expected.items():
            torch.testing.assert_close(last[key], value, rtol=0, atol=1e-5)


def test_nobody_is_left(words, tmp_path, capsys):
    config = tmp_path / "two.yaml"
    config.write_text(yaml.safe_dump({"population": {"grid": {"rank": [1, 2]}}}))
    own = [word for word in words if "--config=" not in word]
    own += [f"--config={config}", "--model.lr=1e30", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(own) == 2
    assert "no member is left: rank-1 stopped at update" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"grid": {"rank": [2, 9]}}, "member 'rank-9': rank is 9: give a whole number from 1 to 8"),
        ({"grid": {"rank": 2}}, "population.grid: rank is 2, expected a list"),
        ({"grid": {"rank": []}}, "population.grid: rank is [], expected a list of values"),
        ({"grid": {"data.noise": ["0"]}}, "data.noise is the same for all members"),
        ({"grid": {"seed": [-1, 2]}}, "seed_everything is -1: give a whole number"),
        ({"grid": {"model.policy.core.rnak": [2]}}, "has no option 'rnak': did you mean 'rank'?"),
        ({"grid": {"model.lrr": [2]}}, "did you mean 'model.lr'?"),
        ({"grid": {"control": ["Dens"]}}, "unknown control 'Dens': did you mean 'dense'?"),
        ({"grid": {"model.warmup": [0.1, 0.2]}}, "model.warmup must be the same"),
        ({"members": [{"rank": 1}, {"rank": 1}]}, "two members are called 'rank-1'"),
        ({}, "population has neither grid nor members"),
        ({"grid": {"rank": [1]}, "threads": 0}, "population.threads is 0"),
    ],
)
def test_a_mistake_is_one_sentence(section, sentence):
    base = ImitationModule(PolicyConfig(core=cores.CfC(hidden_size=8, rank=2)))
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        make_members(expand(Population(**section)), base, Seeds(0, 0))


def test_a_rank_above_h_is_refused_before_anything_starts(words, tmp_path, capsys):
    config = tmp_path / "wrong.yaml"
    config.write_text(yaml.safe_dump({"population": {"grid": {"rank": [2, 9]}}}))
    own = [word for word in words if "--config=" not in word]
    runs = tmp_path / "runs"
    assert main([*own, f"--config={config}", f"--trainer.logger.save_dir={runs}"]) == 2
    assert "error: population: member 'rank-9': rank is 9: give" in capsys.readouterr().err
    assert not runs.exists()


def test_the_graph_of_a_single_policy_is_not_that_of_a_population(words, tmp_path, capsys):
    runs = tmp_path / "runs"
    assert main([*words, "--model.graph=true", f"--trainer.logger.save_dir={runs}"]) == 2
    assert "of a population, give --population.graph=true" in capsys.readouterr().err
    assert not runs.exists()


def test_another_population_is_not_mixed_in(run, words, tmp_path, capsys):
    config = tmp_path / "other.yaml"
    config.write_text(yaml.safe_dump({"population": {"grid": {"rank": [1, 2]}}}))
    own = [word for word in words if "--config=" not in word]
    goes_on = [f"--config={config}", f"--ckpt_path={run}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*own, *goes_on]) == 2
    assert "the checkpoint is of another population (5 members:" in capsys.readouterr().err


def test_results_of_members_are_those_of_the_population(run):
    lines = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    for name, folder in members(run).items():
        (own,) = (json.loads(r) for r in (folder / "results.jsonl").read_text().splitlines())
        (expected,) = (row for row in lines if row["policy"] == name)
        assert own["policy"] == "policy" and own["return"] == expected["return"]
