"""The verb from end to end on a training of a few seconds, and what it says to wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lrs_lightning.cli import main
from lrs_lightning.errors import ArgumentError
from lrs_lightning.expert_training import sac
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.sac_config import SACConfig

CONF = Path(__file__).parents[2] / "conf"
TINY = {
    "num_envs": 2, "rollout_steps": 8, "minibatch": 8, "checkpoint_rollouts": 2, "decisions": 32,
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def fit(*words):
    return main(["expert", "fit", "--env", "Breakout", *map(str, words)])


@pytest.mark.usefixtures("short_games")
def test_an_expert_is_trained_scored_and_gone_on_with(tmp_path, recipe, capsys, monkeypatch):
    pytest.importorskip("ale_py")
    monkeypatch.chdir(tmp_path)
    assert fit("--config", recipe, "--episodes", 1) == 0
    folder = tmp_path / "runs" / "expert" / "Breakout"
    card = json.loads((folder / "expert.json").read_text())
    assert card["decisions"] == 32 and card["env"] == "ALE/Breakout-v5"
    assert card["evaluation"]["episodes"] == 1
    # What is finished is scored again; a longer training would have had another learning rate.
    assert fit("--config", recipe, "--episodes", 1) == 0
    again = json.loads((folder / "expert.json").read_text())
    # The header of the weights has no fixed order, so that their hash may differ.
    assert {k: v for k, v in again.items() if "sha256" not in k} == {
        k: v for k, v in card.items() if "sha256" not in k
    }
    said = capsys.readouterr().out
    assert fit("--config", recipe, "--episodes", 1, "--steps", 48) == 2
    assert "decisions" in capsys.readouterr().err
    assert "1 episodes: mean return" in said and "tensorboard --logdir" in said
    assert not list(folder.glob("*.part")) and list(folder.glob("events.out.tfevents*"))
    words = ["--env", "Breakout", "--expert", str(folder / "expert.safetensors")]
    assert main(["expert", "score", *words, "--episodes", "1"]) == 0
    assert "episode   0  seed 10000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gama: 0.9", "unknown key 'gama': did you mean 'gamma'?"),
        ("gamma: high", "--gamma is 'high', expected a number"),
        ("num_envs: 1.5", "--num_envs is '1.5', expected a whole number"),
        ("num_envs: true", "--num_envs is 'True', expected a whole number"),
        ("- 1", "is no mapping"),
        ("a: [", "is no YAML"),
        ("x: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("minibatch: 7", "minibatch 7 does not divide"),
    ],
)
def test_a_wrong_recipe_is_told(tmp_path, capsys, text, message):
    pytest.importorskip("ale_py")
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert fit("--config", path, "--out", tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["expert", "fit", "--env", "ALE/Brekout-v5"], "did you mean 'breakout'"),
        (["expert", "fit", "--env", "CartPole-v1"], "only those of MuJoCo and Atari"),
        (["expert", "fit"], "--env"),
        (["expert", "teach", "--env", "Breakout"], "unknown action 'teach'"),
        (
            ["expert", "fit", "--env", "Breakout", "--minutes", "-1"],
            "expected a number above 0",
        ),
        (
            ["expert", "fit", "--env", "Breakout", "--config", "no.yaml"],
            "there is no file",
        ),
        (["expert", "score", "--env", "Ant-v5"], "unknown shipped expert 'Ant-v5'"),
        (["expert", "score", "--env", "Hopper-v5", "--expert", "no.zip"], "no expert at no.zip"),
    ],
)
def test_wrong_words_are_told(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_mujoco_without_the_extra_is_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "sbx", None)
    assert main(["expert", "fit", "--env", "Walker2d-v5", "--out", str(tmp_path / "x")]) == 2
    assert "pip install 'lrs-lightning[expert]'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "task", "recipe"),
    [
        ("expert-seaquest", "Seaquest", PQNConfig),
        ("expert-halfcheetah", "HalfCheetah-v5", SACConfig),
    ],
)
def test_a_shipped_recipe_is_a_whole_one(name, task, recipe, capsys):
    pytest.importorskip("ale_py")
    path = CONF / f"{name}.yaml"
    values = yaml.safe_load(path.read_text())
    assert set(values) == set(recipe.__dataclass_fields__) - {"env_id"}
    assert recipe(**values)
    assert main(["expert", "fit", "--env", task, "--config", str(path), "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["env"] == task
    assert {key: printed[key] for key in values} == values


def test_the_expert_that_ships_was_made_by_the_default_recipe():
    values = yaml.safe_load((CONF / "expert-halfcheetah.yaml").read_text())
    assert SACConfig(**values) == SACConfig()


@pytest.mark.parametrize("name", ["steps", "num_envs", "hidden_size"])
def test_a_recipe_of_nothing_is_refused(name):
    with pytest.raises(ArgumentError, match=f"{name} is 0, expected at least 1"):
        SACConfig(**{name: 0})


@pytest.mark.parametrize(
    ("task", "words", "key", "value"),
    [
        ("Seaquest", ["--steps", "99"], "decisions", 99),
        ("Seaquest", ["--decisions", "98"], "decisions", 98),
        ("Seaquest", ["--rollout-steps", "7"], "rollout_steps", 7),
        ("Walker2d-v5", ["--steps=97", "--seed=3"], "steps", 97),
    ],
)
def test_every_part_of_a_recipe_is_an_option(task, words, key, value, capsys):
    pytest.importorskip("ale_py")
    assert main(["expert", "fit", f"--env={task}", *words, "--print_config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)[key] == value


def test_the_task_may_stand_in_the_file(tmp_path, capsys):
    pytest.importorskip("ale_py")
    (tmp_path / "all.yaml").write_text("env: Seaquest\ndecisions: 5\n")
    words = ["expert", "fit", "--config", str(tmp_path / "all.yaml"), "--print_config"]
    assert main(words) == 0
    assert yaml.safe_load(capsys.readouterr().out)["decisions"] == 5


def test_the_recipe_of_the_task_is_listed(capsys):
    pytest.importorskip("ale_py")
    assert main(["expert", "fit", "--env", "Seaquest", "--help"]) == 0
    assert "recipe (PQN):" in capsys.readouterr().out
    assert main(["expert", "fit", "--env", "Walker2d-v5", "--help"]) == 0
    assert "recipe (SAC):" in capsys.readouterr().out
    assert main(["expert", "fit", "--help"]) == 0
    assert "recipe (" not in capsys.readouterr().out


def test_the_library_is_told_the_whole_recipe():
    told = sac._arguments(SACConfig(hidden_size=32, seed=5))
    assert told.pop("policy_kwargs") == {"net_arch": [32, 32]}
    fields = set(SACConfig.__dataclass_fields__)
    assert set(told) == fields - {"steps", "num_envs", "hidden_size"}
    assert told["seed"] == 5
