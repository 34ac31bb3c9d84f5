"""Members behind a frozen encoder: each ends as its single `fit`, on features computed once."""

from __future__ import annotations

import copy

import pytest
import torch

from lrs_lightning.data import features
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, cores, encoders
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.training import ExpertTrajectories, ImitationModule, frozen_source, load_policy
from lrs_lightning.training.population.datamodule import PopulationTrajectories
from lrs_lightning.training.population.members import Seeds, make_members
from lrs_lightning.training.population.module import PopulationModule
from lrs_lightning.training.population.section import Population, expand
from tests.training.frozen import alike, write_pictures, write_run
from tests.training.population.test_equality import trainer
from tests.training.test_stored_features import SIZES, SavedAt

pytestmark = pytest.mark.filterwarnings("ignore:.*in eval mode at the start of training")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("frozen")
    write_pictures(place / "store")
    for seed in range(2):
        write_run(place / f"run-{seed}", seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        yield place


def population(folder):
    """Two of each encoder, one of them with another order of the windows, and a control."""
    other = {"model.policy.encoder.run": str(folder / "run-1")}
    section = Population(
        members=[
            {"name": "a", "rank": 1},
            {"name": "b", "rank": 3, "data_seed": 2, "seed": 5},
            {"name": "c", "rank": 2, **other},
            {"name": "d", "rank": 3, "control": "Dense", **other},
            {"name": "linear", "cell": {"name": "mlp", "num_layers": 0}},
        ]
    )
    frozen = encoders.Frozen(str(folder / "run-0"))
    base = ImitationModule(PolicyConfig(frozen, cores.CfC(hidden_size=6, rank=2)), lr=3e-3)
    members = make_members(expand(section), base, Seeds(0, 0))
    loaders = PopulationTrajectories(
        lambda seed: ExpertTrajectories(path=str(folder / "store"), seed=seed, **SIZES),
        [member.seeds.data for member in members],
        [member.frozen_encoder for member in members],
    )
    return PopulationModule(members, threads=2), loaders


def test_members_name_their_own_runs_or_are_refused(folder):
    base = ImitationModule(PolicyConfig(encoders.Frozen(), cores.CfC(hidden_size=6, rank=2)))
    runs = [str(folder / f"run-{seed}") for seed in range(2)]
    section = Population(grid={"model.policy.encoder.run": runs, "rank": [1, 2]})
    members = make_members(expand(section), base, Seeds(0, 0))
    own = [load_policy(run).policy.encoder for run in runs for _ in range(2)]
    assert [member.frozen_encoder for member in members] == [digest_of(one) for one in own]
    with pytest.raises(ArgumentError, match="member 'rank-1': a frozen encoder needs a run"):
        make_members(expand(Population(grid={"rank": [1, 2]})), base, Seeds(0, 0))


def fit(folder, **options):
    module, loaders = population(folder)
    trainer(10, "32-true", **options).fit(module, datamodule=loaders)
    module.take_back()
    return module, loaders


def test_members_end_as_they_do_alone(folder, monkeypatch):
    computed, encode = [], features.encode_episode
    monkeypatch.setattr(features, "encode_episode", lambda *a: (computed.append(1), encode(*a))[1])
    module, loaders = fit(folder)
    assert len(computed) == 2 * 6, "each episode once for each encoder"
    assert loaders.source_of == [0, 0, 1, 1, 0] and loaders.stream_of == [0, 1, 2, 2, 0]
    assert all(batch.observations.dim() == 3 for batch in loaders._train_batch(0))
    for number in (1, 3, 4):
        member = module.members[number]
        torch.manual_seed(member.seeds.everything)
        alone = ImitationModule(**dict(member.module.hparams))
        data = ExpertTrajectories(path=str(folder / "store"), seed=member.seeds.data, **SIZES)
        trainer(10, "32-true").fit(alone, datamodule=data)
        alike(member.policy, alone.policy, 2e-6)
        run = folder / f"run-{int(member.name in 'cd')}"
        alike(member.policy.encoder, load_policy(run).policy.encoder, 0)
        told = float(alone.trainer.callback_metrics["val/loss"])
        assert module.figures["val/loss"][number] == pytest.approx(told, rel=1e-5)
    assert len(computed) == 2 * 6


def test_a_population_goes_on_without_the_runs_of_its_encoders(folder, tmp_path, monkeypatch):
    half = tmp_path / "half.ckpt"
    whole, _ = fit(folder, callbacks=[SavedAt(5, half)])
    state = torch.load(half, weights_only=True)["state_dict"]
    heads = [value for name, value in state.items() if name.endswith("encoder/head/1/weight")]
    assert [tuple(value.shape) for value in heads] == len(heads) * [(7, 288)], "there once"
    module, loaders = population(folder)

    def gone(run):
        raise ArgumentError(f"no checkpoint at {run}")

    monkeypatch.setattr(frozen_source, "read_source", gone)
    fresh, again = copy.deepcopy(module), trainer(10, "32-true")
    again.fit(module, datamodule=loaders, ckpt_path=half, weights_only=True)
    module.take_back()
    for member, other in zip(module.members, whole.members, strict=True):
        alike(member.policy, other.policy, 0)
    with pytest.raises(ArgumentError, match="no checkpoint at .*run-0"):
        trainer(10).fit(fresh, datamodule=loaders)
