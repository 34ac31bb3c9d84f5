"""Every option of a policy can be set from YAML, and the command line explains it."""

from __future__ import annotations

from dataclasses import fields

import gymnasium as gym
import pytest
import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from lrs_lightning.nn import CELLS, CONTROLS, PolicyConfig, build_policy

SPACES = gym.spaces.Box(-1, 1, (17,)), gym.spaces.Discrete(3)


@pytest.fixture
def parser():
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    built = ArgumentParser(exit_on_error=False)
    built.add_argument("--policy", type=PolicyConfig, default=PolicyConfig())
    return built


SETTINGS = [
    *({"cell": cell} for cell in CELLS),
    *({"control": control} for control in CONTROLS),
    {"gate": "frozen"},
    {"gate": "removed"},
    {"mode": "pure"},
    {"rank": None, "sparsity": 0.0},
    {"channels": [0, 1, 8], "init_seed": 3, "frames": 2, "cell": "stack"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_yaml_builds_a_policy(parser, settings):
    parsed = parser.parse_string(yaml.safe_dump({"policy": settings}))
    config = parser.instantiate(parsed).policy
    assert config == PolicyConfig(**settings)
    assert build_policy(config, *SPACES).config == config


def test_help_explains_every_option(parser):
    shown = parser.format_help()
    for field in fields(PolicyConfig):
        line = next(line for line in shown.splitlines() if f"--policy.{field.name} " in line)
        assert line
    for words in ("Rank of every recurrent matrix", "Stand-in for the low-rank sparse core"):
        assert words in " ".join(shown.split())
