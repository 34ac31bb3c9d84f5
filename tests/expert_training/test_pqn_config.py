"""A recipe: its defaults, what a file and a caller change, and what is no recipe."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.expert_training.pqn_config import PQNConfig, load_recipe
from lrs_lightning.experts import load_expert

CONF = Path(__file__).parents[2] / "conf"


def test_without_anything_it_is_the_default() -> None:
    assert load_recipe(None, {}) == PQNConfig()


def test_changes_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("gamma: 0.9\nlam: 0\nenv_id: Breakout\nseed: 3\n")
    expected = replace(PQNConfig(), gamma=0.9, lam=0.0, env_id="Breakout", seed=4)
    found = load_recipe(path, {"seed": 4})
    assert found == expected
    assert type(found.lam) is float  # a whole number where a fraction may stand


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gama: 0.9", "unknown key 'gama': did you mean 'gamma'"),
        ("gamma: true", "gamma is True, expected float"),
        ("seed: true", "seed is True, expected int"),
        ("seed: 1.0", r"seed is 1\.0, expected int"),
        ("env_id: 3", "env_id is 3, expected str"),
    ],
)
def test_what_is_no_recipe_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ArgumentError, match=sentence):
        load_recipe(path, {})


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "1: 2", None])
def test_a_file_without_a_mapping_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"recipe\.yaml"):
        load_recipe(path, {})


def test_a_rollout_has_decisions_of_all_games() -> None:
    assert PQNConfig(num_envs=6, rollout_steps=5, minibatch=10).samples == 30


@pytest.mark.parametrize("game", ["Seaquest", "Breakout"])
def test_the_shipped_experts_are_of_the_recipe_in_conf_and_that_of_the_defaults(game: str) -> None:
    told = load_expert("shipped", game).card["config"]
    recipe = asdict(load_recipe(CONF / "expert-seaquest.yaml", {}))
    lengths = {"env_id", "decisions", "epsilon_decisions", "checkpoint_rollouts"}
    for name, default in asdict(PQNConfig()).items():
        if name not in ("env_id", "decisions"):
            assert recipe[name] == told[name], name
        if name not in lengths:
            assert default == told[name], name
