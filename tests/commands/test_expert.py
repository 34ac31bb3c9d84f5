"""The verb from end to end on a training of a few seconds, and what it says to wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lrs_lightning.cli import main

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


def test_an_expert_is_trained_scored_and_gone_on_with(tmp_path, recipe, capsys, monkeypatch):
    pytest.importorskip("ale_py")
    monkeypatch.chdir(tmp_path)
    # Games of an untrained expert may last to the limit of five minutes.
    monkeypatch.setattr(
        "lrs_lightning.envs.atari_games.Preprocessing.max_frames", 200, raising=True
    )
    assert fit("--config", recipe, "--episodes", 1) == 0
    folder = tmp_path / "runs" / "expert" / "Breakout"
    card = json.loads((folder / "expert.json").read_text())
    assert card["decisions"] == 32 and card["env"] == "ALE/Breakout-v5"
    assert card["evaluation"]["episodes"] == 1
    assert fit("--config", recipe, "--episodes", 1, "--steps", 48) == 0
    assert json.loads((folder / "expert.json").read_text())["decisions"] == 48
    said = capsys.readouterr().out
    assert "1 episodes: mean return" in said and "tensorboard --logdir" in said
    assert not list(folder.glob("*.part")) and list(folder.glob("events.out.tfevents*"))
    words = ["--env", "Breakout", "--expert", str(folder / "expert.safetensors")]
    assert main(["expert", "score", *words, "--episodes", "1"]) == 0
    assert "episode   0  seed 10000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gama: 0.9", "unknown key 'gama': did you mean 'gamma'?"),
        ("gamma: high", "gamma is 'high', expected float"),
        ("num_envs: 1.5", "num_envs is 1.5, expected int"),
        ("num_envs: true", "num_envs is True, expected int"),
        ("- 1", "maps keys to values"),
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
        (["expert", "teach", "--env", "Breakout"], "invalid choice: 'teach'"),
        (["expert", "fit", "--env", "Breakout", "--minutes", "-1"], "is no number of minutes"),
        (["expert", "fit", "--env", "Breakout", "--config", "no.yaml"], "cannot read no.yaml"),
        (["expert", "score", "--env", "Hopper-v5"], "unknown shipped expert 'Hopper-v5'"),
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


def test_the_shipped_recipe_is_a_recipe():
    from lrs_lightning.expert_training.pqn_config import PQNConfig, load_recipe

    values = yaml.safe_load((CONF / "expert-seaquest.yaml").read_text())
    assert set(values) == set(PQNConfig.__dataclass_fields__) - {"env_id"}
    assert load_recipe(CONF / "expert-seaquest.yaml", {}).decisions == values["decisions"]
