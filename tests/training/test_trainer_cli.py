"""`fit` and its kin from the command line, on a tiny store: files, table, errors."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
import yaml

from lrs_lightning.cli import main
from lrs_lightning.training import ImitationModule
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation

pytestmark = pytest.mark.usefixtures("short_episodes")
ROOT = Path(__file__).resolve().parents[2]


class Balancer:
    """Keeps the pole of InvertedPendulum up."""

    card: ClassVar[dict] = {}

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        push = observations @ np.array([[1.0], [30.0], [1.0], [3.0]])
        return np.clip(push, -3, 3).astype(np.float32), None


SHORT = [
    "--trainer.max_steps=4",
    "--trainer.accelerator=cpu",
    "--data.batches=2",
    "--data.window=8",
    "--data.burn_in=2",
    "--evaluation.episodes=2",
    "--evaluation.every_n_epochs=1",
    "--evaluation.quick_episodes=1",
    "--model.policy.core.hidden_size=8",
    "--model.policy.core.rank=2",
]


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    """A finished `fit`: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("fit")
    code = main(["fit", f"--data.path={tiny_store}", f"--trainer.logger.save_dir={folder}", *SHORT])
    assert code == 0
    return folder / "HalfCheetah-v5" / "version_0"


def test_a_run_folder_holds_what_it_promises(run):
    files = {p.name for p in run.iterdir()}
    assert {"config.yaml", "checkpoints", "results.jsonl", "summary.json"} <= files
    assert any(name.startswith("events.out.tfevents") for name in files)
    assert {"last.ckpt", "best.ckpt"} <= {p.name for p in (run / "checkpoints").iterdir()}


def test_the_summary_has_its_keys(run):
    summary = json.loads((run / "summary.json").read_text())
    assert summary["schema"] == 1
    assert summary["env"] == "HalfCheetah-v5"
    policy = summary["policy"]
    assert (policy["cell"], policy["hidden_size"], policy["rank"]) == ("cfc", 8, 2)
    assert policy["parameters"] > 0
    assert summary["references"].keys() == {"expert", "random"}
    assert summary["references"]["expert"] > summary["references"]["random"]
    conditions = summary["conditions"]
    assert conditions[0]["shift"] == "clean"
    assert len(conditions) >= 6
    for condition in conditions:
        assert condition["episodes"] == 2
        low, high = condition["return_ci95"]
        assert low <= condition["return_mean"] <= high


def test_a_line_for_every_episode_with_paired_seeds(run):
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    promised = {
        *["policy", "env", "shift", "severity", "episode", "seed", "return", "length", "status"]
    }
    assert promised <= rows[0].keys()
    seeds: dict[str, list[int]] = {}
    for row in rows:
        seeds.setdefault(row["condition"], []).append(row["seed"])
    assert len({tuple(sorted(s)) for s in seeds.values()}) == 1


def test_evaluate_has_the_scale_that_fit_had(run, tmp_path, monkeypatch):
    """Of the expert means one thing: neither expert nor random policy is played again."""

    def never(*_, **__):
        raise AssertionError("a reference is played again")

    monkeypatch.setattr("lrs_lightning.evaluation.references.rollout", never)
    words = ["--policy", str(run), "--suite", "smoke", "--episodes", "2", "--out", str(tmp_path)]
    assert main(["evaluate", *words]) == 0
    fitted, evaluated = (
        json.loads((folder / "summary.json").read_text()) for folder in (run, tmp_path)
    )
    assert fitted["references"] == evaluated["references"]
    assert fitted["provenance"]["expert"] == evaluated["provenance"]["expert"] == "shipped"
    rows = (run / "references.jsonl").read_text().splitlines()
    assert sorted((json.loads(r)["policy"], json.loads(r)["seed"]) for r in rows) == [
        (who, seed) for who in ("expert", "random") for seed in (10_000, 10_001)
    ]


def test_a_store_says_what_the_task_is(tmp_path, monkeypatch, capsys):
    """`fit --data.path` alone: the run is named after the store's task, and played in it."""
    from lrs_lightning.data.collect import collect

    monkeypatch.setattr("lrs_lightning.data.collect.load_expert", lambda *_: Balancer())
    store = collect("InvertedPendulum-v5", tmp_path / "store", "balancer", episodes=3, noise="0")
    words = ["fit", f"--data.path={store.folder}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*words, *SHORT, "--evaluation.suite=smoke", "--data.window=4"]) == 0
    summary = json.loads((tmp_path / "InvertedPendulum-v5/version_0/summary.json").read_text())
    assert summary["env"] == "InvertedPendulum-v5"
    assert set(summary["references"]) == {"random"}  # nobody can load who demonstrated


def test_tensorboard_has_the_closed_loop(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run)).Reload()
    scalars, images = events.Tags()["scalars"], events.Tags()["images"]
    assert {"train/loss", "val/loss", "val/agreement", "closed_loop/return"} <= set(scalars)
    assert {"closed_loop/return/clean", "closed_loop/of_expert/clean"} <= set(scalars)
    # After four updates the clean return is no yardstick, so that no share of it is given.
    assert not [name for name in scalars if name.startswith("closed_loop/of_own_clean/")]
    assert images


def test_the_saved_configuration_runs_again(run, tmp_path, capsys):
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["policy"]["core"]["init_args"]["rank"] == 2
    words = ["fit", f"--config={run / 'config.yaml'}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main([*words, "--evaluation.episodes=1", "--evaluation.suite=smoke"]) == 0
    printed = capsys.readouterr().out
    assert "of expert" in printed
    assert "run folder: " in printed
    assert "tensorboard --logdir" in printed


@pytest.mark.parametrize("verb", ["test", "validate", "predict"])
def test_a_checkpoint_alone_says_what_to_build(verb, run, tiny_store, tmp_path, capsys):
    last = run / "checkpoints" / "last.ckpt"
    words = [verb, f"--ckpt_path={last}", f"--data.path={tiny_store}", "--evaluation.episodes=1"]
    assert main([*words, f"--trainer.logger.save_dir={tmp_path}"]) == 0
    if verb != "predict":
        assert "clean" in capsys.readouterr().out
        assert list(tmp_path.rglob("summary.json"))


def test_an_interrupted_run_ends_as_if_nothing_had_happened(tiny_store, tmp_path, monkeypatch):
    words = ["fit", f"--data.path={tiny_store}", *SHORT, "--trainer.max_steps=8"]
    words += ["--evaluation.every_n_epochs=0"]  # weights are compared, and nothing played
    monkeypatch.setattr(ShiftedEvaluation, "_report", lambda *_: None)

    def final(folder: str, *more: str) -> dict[str, torch.Tensor]:
        main([*words, f"--trainer.logger.save_dir={tmp_path / folder}", *more])
        (last,) = (tmp_path / folder).rglob("last.ckpt")
        checkpoint = torch.load(last, weights_only=True)
        return {"step": torch.tensor(checkpoint["global_step"]), **checkpoint["state_dict"]}

    def interrupt(self, *_):
        if self.trainer.global_step == 5:
            raise KeyboardInterrupt

    whole = final("whole")
    with monkeypatch.context() as patch:
        patch.setattr(ImitationModule, "on_train_batch_end", interrupt)
        assert final("cut")["step"] == 4
    (last,) = (tmp_path / "cut").rglob("last.ckpt")
    resumed = final("resumed", f"--ckpt_path={last}")
    assert resumed["step"] == 8
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name


def test_a_cycle_is_not_stretched(run, tiny_store, tmp_path, capsys):
    last = run / "checkpoints" / "last.ckpt"
    words = [*SHORT, "--trainer.max_steps=8", f"--ckpt_path={last}", f"--data.path={tiny_store}"]
    assert main(["fit", *words, f"--trainer.logger.save_dir={tmp_path}"]) == 2
    assert "give --trainer.max_steps=4, or train anew" in capsys.readouterr().err


@pytest.mark.parametrize(
    "config", sorted((ROOT / "conf").glob("halfcheetah*.yaml")), ids=lambda p: p.stem
)
def test_every_configuration_runs_a_batch(config, tiny_store, tmp_path):
    words = ["fit", f"--config={config}", f"--data.path={tiny_store}", "--trainer.fast_dev_run=1"]
    assert (
        main([*words, "--trainer.accelerator=cpu", f"--trainer.default_root_dir={tmp_path}"]) == 0
    )


@pytest.mark.parametrize("config", sorted((ROOT / "conf").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_key_of_a_configuration_has_a_comment(config):
    for line in config.read_text().splitlines():
        key, _, value = line.partition(":")
        if value.strip() and not line.lstrip().startswith("#"):
            assert "#" in value, f"{config.name}: {key.strip()} has no comment"


def test_the_full_configuration_equals_the_defaults(capsys):
    assert main(["fit", "--print_config"]) == 0
    defaults = yaml.safe_load(capsys.readouterr().out)
    written = yaml.safe_load((ROOT / "conf" / "halfcheetah.yaml").read_text())
    for section in ("data", "evaluation"):
        assert {k: defaults[section][k] for k in written[section]} == written[section]
    for group, choice in written["model"]["policy"].items():
        default = defaults["model"]["policy"][group]
        assert default["class_path"].endswith(f".{choice['class_path']}")
        assert choice["init_args"].items() <= default["init_args"].items()
    for key in ("lr", "weight_decay", "warmup"):
        assert defaults["model"][key] == written["model"][key]
    for key, value in written["trainer"].items():
        assert defaults["trainer"][key] == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model.policy.encodr=Nature"], "did you mean 'model.policy.encoder'?"),
        (["--model.policy.core.hiden_size=8"], "unknown key 'hiden_size': did you mean 'hidden_"),
        (["--model.policy.core=LSTM", "--model.policy.core.mode=pure"], "it belongs to CfC"),
        (["--model.policy.core=MLP", "--model.policy.core.control=Dense"], "belongs to CfC, LSTM"),
        (["--model.policy.encoder.frames=2"], "unknown key 'frames': it belongs to Stack"),
        (["--model.policy.core.control=Prund"], "unknown control 'Prund': did you mean 'Pruned'?"),
        (["--model.policy.encoder=mlp"], "unknown encoder 'mlp'"),
        (["--model.policy.rank=4"], "it is now model.policy.core.rank"),
        (["--model.policy.channels=[1]"], "it is now model.policy.encoder.channels"),
        (["--model.policy.frames=3"], "it is now model.policy.core.frames"),
        (["--model.policy.cell=lstm"], "name the cell with model.policy.core, e.g. LSTM"),
        (["--modl.lr=1"], "unknown key 'modl.lr'"),
        (["--trainer.max_step=3"], "did you mean 'trainer.max_steps'?"),
        (["--model.policy.core=lstm"], "did you mean 'LSTM'?"),
        (["--model.policy.core.rank=65"], "rank"),
        (["--model.policy.core.sparsity=1.0"], "sparsity"),
        (["--model.policy.core.sparsity=dense"], "sparsity"),
        (["--model.lr=-1"], "lr is -1"),
        (["--evaluation.suite=papr"], "did you mean 'paper'?"),
        (["--evaluation.episodes=0"], "evaluation.episodes is 0"),
        (["--data.path=nowhere"], "no demonstrations in nowhere"),
        (["--data.env=HalfCheeta-v5"], "did you mean 'HalfCheetah-v5'?"),
        (["--data.window=4", "--data.burn_in=4"], "at least one step must be left"),
        (["--config=nowhere.yaml"], "nowhere.yaml"),
        (["--ckpt_path=nowhere.ckpt"], "nowhere.ckpt"),
    ],
)
def test_a_mistake_is_one_sentence(words, sentence, tiny_store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = (
        []
        if any("data.path" in w or "data.env" in w for w in words)
        else [f"--data.path={tiny_store}"]
    )
    assert main(["fit", *own, *words]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("error: ")
    assert sentence in error[-1]
    assert not any("Traceback" in line for line in error)


def test_a_folder_that_cannot_be_written(tiny_store, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = [
        "fit",
        f"--data.path={tiny_store}",
        f"--trainer.logger.save_dir={tmp_path / 'file'}",
        *SHORT,
    ]
    assert main(words) == 2
    assert "cannot write" in capsys.readouterr().err
