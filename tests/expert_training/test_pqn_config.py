"""A recipe: its defaults, what a file and a caller change, and what is no recipe."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.experts import load_expert
from lrs_lightning.options.call import parse
from lrs_lightning.options.parser import Parser
from lrs_lightning.options.signature import add_general_options, add_options

CONF = Path(__file__).parents[2] / "conf"


def read(*words: str) -> PQNConfig:
    """The recipe of a command line."""
    parser = Parser(prog="fit", add_help=False)
    add_general_options(parser)
    add_options(parser, PQNConfig)
    return PQNConfig(**(parse(parser, words) or {}))


def test_without_anything_it_is_the_default() -> None:
    assert read() == PQNConfig()


def test_changes_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("gamma: 0.9\nlam: 0\nenv_id: Breakout\nseed: 3\n")
    expected = replace(PQNConfig(), gamma=0.9, lam=0.0, env_id="Breakout", seed=4)
    found = read(f"--config={path}", "--seed=4")
    assert found == expected
    assert type(found.lam) is float  # a whole number where a fraction may stand


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gama: 0.9", "unknown key 'gama': did you mean 'gamma'"),
        ("gamma: true", "gamma is 'True', expected a number"),
        ("seed: true", "seed is 'True', expected a whole number"),
        ("seed: 1.0", r"seed is '1\.0', expected a whole number"),
        ("env_id: 3", "env_id is '3', expected a text"),
    ],
)
def test_what_is_no_recipe_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ArgumentError, match=sentence):
        read(f"--config={path}")


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "1: 2", None])
def test_a_file_without_a_mapping_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArgumentError, match=r"recipe\.yaml"):
        read(f"--config={path}")


def test_a_rollout_has_decisions_of_all_games() -> None:
    assert PQNConfig(num_envs=6, rollout_steps=5, minibatch=10).samples == 30


@pytest.mark.parametrize("game", ["Seaquest", "Breakout"])
def test_the_shipped_experts_are_of_the_recipe_in_conf_and_that_of_the_defaults(game: str) -> None:
    told = load_expert("shipped", game).card["config"]
    recipe = asdict(read(f"--config={CONF / 'expert-seaquest.yaml'}"))
    lengths = {"env_id", "decisions", "epsilon_decisions", "checkpoint_rollouts"}
    for name, default in asdict(PQNConfig()).items():
        if name not in ("env_id", "decisions"):
            assert recipe[name] == told[name], name
        if name not in lengths:
            assert default == told[name], name
