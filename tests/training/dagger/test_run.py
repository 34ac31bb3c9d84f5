"""`fit` with a section `dagger`: what is stored, what is learned from, restarts, populations."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import yaml

from lrs_lightning.checkpoints import read_checkpoint
from lrs_lightning.cli import main
from lrs_lightning.data import DemonstrationStore
from lrs_lightning.experts import load_expert
from lrs_lightning.training.dagger import callback
from lrs_lightning.training.dagger.datamodule import GrowingTrajectories
from lrs_lightning.training.module import ImitationModule
from tests.reliability.test_resume import assert_equal
from tests.training.sections import fit_with

SECTION = {"rounds": 2, "episodes": 3, "every_n_epochs": 1, "beta": 0.5, "steps_after_fall": 5}


pytestmark = pytest.mark.usefixtures("unjudged")


@pytest.fixture(scope="module")
def words(tiny_store, tmp_path_factory):
    return fit_with(tmp_path_factory.mktemp("conf"), tiny_store, dagger=SECTION)


@pytest.fixture(scope="module")
def run(words, unjudged, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("dagger")
    assert main([*words, f"--trainer.logger.save_dir={folder}"]) == 0
    return folder / "HalfCheetah-v5" / "version_0"


def test_the_store_says_who_acted_and_who_labelled(run, tiny_store):
    first, store = DemonstrationStore(tiny_store), DemonstrationStore(run / "demonstrations")
    assert len(store) == len(first) + 2 * 3
    expert = load_expert("shipped", "HalfCheetah-v5")
    seeds = set()
    for k, origin in enumerate(store.origins[len(first) :]):
        number = 1 + k // 3
        assert (origin.actor, origin.labeller) == ("policy", "shipped")
        assert (origin.round, origin.beta) == (number, 0.5**number)
        seeds.add(origin.seed)
        episode = store[len(first) + k]
        labels, _ = expert.step(episode.observations, expert.initial_state(20), np.ones(20, bool))
        np.testing.assert_allclose(episode.labels, np.clip(labels, -1, 1), atol=1e-5)
        acted = (np.abs(episode.actions - episode.labels).max(1) < 1e-5).mean()
        assert acted < 1, "the student never acted"
    assert len(seeds) == 6
    assert len(DemonstrationStore(tiny_store)) == len(first), "the first store stays as it was"


def test_rounds_are_learned_from_and_the_held_out_stay(tiny_store, run, monkeypatch):
    data = GrowingTrajectories(path=str(tiny_store), window=8, burn_in=2, batch_size=4)
    monkeypatch.setattr(GrowingTrajectories, "own", run / "demonstrations")
    sizes, held_out = [], []
    for rounds in range(3):
        data.go_on(rounds)
        sizes.append(len(data.split[0]))
        held_out.append([episode.observations.tobytes() for episode in data.split[1]])
        assert data.train_batch(7).observations.shape == (4, 8, 17)
    assert sizes == [5, 8, 11] and held_out[0] == held_out[1] == held_out[2]
    windows = data._train.index.episode_starts
    assert len(windows) == 11
    assert data.place(0, 0, 0).startswith(str(run / "demonstrations"))


@pytest.mark.parametrize(
    ("stored", "elsewhere"),
    [
        (False, True),
        *(pytest.param(*case, marks=pytest.mark.long) for case in [(False, False), (True, False)]),
    ],
)
def test_a_run_that_was_cut_goes_on_with_the_rounds_it_had(
    words, run, tmp_path, monkeypatch, stored, elsewhere
):
    """Cut in the second epoch; or later, the rounds after that checkpoint being stored already.

    In its own folder, or in another one.
    """
    words = [*words, f"--trainer.logger.save_dir={tmp_path}"]
    step, play = ImitationModule.training_step, callback.play_round
    played = []

    def cut(self, batch, number):
        if self.trainer.global_step == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    def noted(*arguments):
        played.append(arguments[4])
        return play(*arguments)

    monkeypatch.setattr(callback, "play_round", noted)
    with monkeypatch.context() as patch:
        patch.setattr(ImitationModule, "training_step", cut)
        assert main(words) == 143
    again = tmp_path / "HalfCheetah-v5" / "version_0"
    if stored:
        source, target = run / "demonstrations", again / "demonstrations"
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    if elsewhere:
        more = [f"--ckpt_path={again}", f"--trainer.logger.save_dir={tmp_path / 'elsewhere'}"]
        again = tmp_path / "elsewhere" / "HalfCheetah-v5" / "version_0"
    else:
        more = ["--ckpt_path=last"]
    assert main([*words, *more]) == 0
    assert played == ([1] if stored else [1, 2])
    stores = [DemonstrationStore(folder / "demonstrations") for folder in (run, again)]
    digests = [[store.digest(i) for i in range(len(store))] for store in stores]
    assert digests[0] == digests[1]
    whole, resumed = (read_checkpoint(r / "checkpoints" / "last.ckpt") for r in (run, again))
    assert whole["dagger"]["rounds"] == 2
    for key in ("state_dict", "optimizer_states", "global_step", "dagger"):
        assert_equal(whole[key], resumed[key], key)


def test_another_section_is_refused(words, run, capsys, tmp_path):
    words = [*words, f"--trainer.logger.save_dir={tmp_path}", f"--ckpt_path={run}"]
    assert main([*words, "--dagger.beta=0.9"]) == 2
    assert "the checkpoint was trained with dagger" in capsys.readouterr().err


def test_a_last_round_that_nobody_would_learn_from_is_refused(words, capsys, tmp_path):
    words = [*words, f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*words, "--dagger.rounds=4"]) == 2
    assert "training has 4 epochs of 5 batches" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_members_of_a_population_share_what_they_gather(words, tmp_path, tiny_store):
    config = tmp_path / "population.yaml"
    config.write_text(yaml.safe_dump({"population": {"grid": {"rank": [1, 2]}, "threads": 1}}))
    words = [*words, f"--config={config}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*words, "--trainer.max_steps=12"]) == 0
    run = tmp_path / "HalfCheetah-v5" / "version_0"
    store = DemonstrationStore(run / "demonstrations")
    actors = [origin.actor for origin in store.origins[-6:]]
    assert actors == ["rank-1", "rank-2", "rank-1"] * 2
    own = yaml.safe_load((run / "members" / "rank-1" / "config.yaml").read_text())
    assert "dagger" not in own and own["data"]["path"] == str(run / "demonstrations")


def test_a_population_of_several_stores_is_refused(words, tmp_path, capsys):
    config = tmp_path / "population.yaml"
    config.write_text(yaml.safe_dump({"population": {"grid": {"data_seed": [0, 1]}}}))
    words = [word for word in words if "--data.path" not in word]
    words += [f"--config={config}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(words) == 2
    assert "share the data that DAgger gathers" in capsys.readouterr().err
