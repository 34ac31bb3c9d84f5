"""Every option of a policy can be set from YAML, and the command line explains it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import pytest
import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import (
    CONTROLS,
    CORES,
    ENCODERS,
    PolicyConfig,
    build_policy,
    controls,
    cores,
    encoders,
    read_config,
)
from lrs_lightning.training.policy_arguments import with_classes
from tests.approved import compare

SPACES = gym.spaces.Box(-1, 1, (17,)), gym.spaces.Discrete(3)


@pytest.fixture
def parser():
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    built = ArgumentParser(exit_on_error=False)
    built.add_argument("--policy", type=PolicyConfig, default=PolicyConfig())
    return built


CONFIGS = [
    *(PolicyConfig(core=core()) for core in CORES.classes()),
    *(PolicyConfig(core=cores.GRU(control=control())) for control in CONTROLS.classes()),
    PolicyConfig(core=cores.CfC(gate="frozen")),
    PolicyConfig(core=cores.CfC(mode="pure")),
    PolicyConfig(core=cores.LSTM(rank=None, sparsity=0.0, forget_bias=2.0)),
    PolicyConfig(encoders.Vector(channels=[0, 1, 8]), cores.Stack(frames=2), init_seed=3),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.describe()["cell"])
def test_python_yaml_and_plain_values_say_the_same(parser, config):
    assert PolicyConfig.from_dict(config.to_dict()) == config
    assert yaml.safe_load(yaml.safe_dump(config.to_dict())) == config.to_dict()
    parsed = parser.parse_object(with_classes({"policy": config.to_dict()}))
    assert parser.instantiate(parsed).policy == config
    assert build_policy(config, *SPACES).config == config


def test_a_core_is_chosen_by_its_class_and_options_follow(parser):
    words = ["--policy.core=LSTM", "--policy.core.rank=4", "--policy.core.control=Pruned"]
    config = parser.instantiate(parser.parse_args(words)).policy
    assert config == PolicyConfig(core=cores.LSTM(rank=4, control=controls.Pruned()))
    short = yaml.safe_dump({"policy": {"core": {"rank": 4}, "encoder": "Nature"}})
    config = parser.instantiate(parser.parse_string(short)).policy
    assert config == PolicyConfig(encoders.Nature(), cores.CfC(rank=4))


@pytest.mark.parametrize("core", CORES.classes(), ids=lambda core: core.name)
def test_help_explains_every_option(core, parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args([f"--policy.core.help={core.__name__}"])
    shown = capsys.readouterr().out
    for field in fields(core):
        option = shown.index(f"--policy.core.{field.name} ")
        assert shown[option:].split("(type", 1)[0].strip()
    assert "Rank of every recurrent matrix" in " ".join(shown.split()) or core.name in (
        *("mlp", "stack"),
    )


FLAT = {
    **{"cell": "cfc", "hidden_size": 64, "rank": 8, "sparsity": 0.5, "init": "orthogonal"},
    **{"mask_seed": 0, "init_seed": None, "share_mask": False, "factor_full_rank": False},
    **{"num_layers": 1, "dropout": 0.0, "encoder": "mlp", "features": 128, "channels": None},
    **{"mode": "paper", "gate": "learned", "frames": 4, "control": "none"},
}
"""All keys of a configuration of one level, with their defaults."""


@pytest.mark.parametrize(
    ("changes", "config"),
    [
        ({}, PolicyConfig()),
        ({"cell": "lstm", "rank": None}, PolicyConfig(core=cores.LSTM(rank=None))),
        ({"cell": "stack", "frames": 3}, PolicyConfig(core=cores.Stack(frames=3))),
        ({"mode": "pure"}, PolicyConfig(core=cores.CfC(mode="pure"))),
        (
            {"control": "matched-total"},
            PolicyConfig(core=cores.CfC(control=controls.MatchedTotal())),
        ),
        (
            {"encoder": "small", "features": 256, "channels": [3], "init_seed": 1},
            PolicyConfig(encoders.Small(features=256, channels=[3]), init_seed=1),
        ),
    ],
    ids=str,
)
def test_configurations_of_one_level_are_read(changes, config):
    assert read_config(FLAT | changes) == config
    assert read_config(config.to_dict()) == config


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.describe()["cell"])
def test_the_description_keeps_its_keys(config):
    described = config.describe()
    assert {"cell", "hidden_size", "rank", "sparsity", "control", "encoder"} <= described.keys()
    assert not any(isinstance(value, dict) for value in described.values())
    assert yaml.safe_load(yaml.safe_dump(described)) == described


def test_all_that_is_kept_and_told_of_a_configuration_is_the_approved():
    told = [
        line
        for config in CONFIGS
        for line in (json.dumps(config.to_dict()), f"    {json.dumps(config.describe())}")
    ]
    compare(Path(__file__).parent / "approved" / "configurations.txt", "\n".join(told) + "\n")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"core": "lsm"}, "unknown core 'lsm': did you mean 'lstm'"),
        ({"encoder": "nln"}, "unknown encoder 'nln'"),
        ({"core": {"name": "cfc", "control": "densse"}}, "control 'densse': did you mean 'dense'"),
        (
            {"core": {"name": "cfc", "rnk": 3}},
            "core 'cfc' has no option 'rnk': did you mean 'rank",
        ),
        ({"core": {"name": "lstm", "mode": "pure"}}, "no option 'mode': it belongs to cfc"),
        ({"core": {"name": "gru", "gate": "frozen"}}, "no option 'gate': it belongs to cfc"),
        ({"core": {"name": "mlp", "control": "dense"}}, "no option 'control': it belongs to cfc"),
        ({"core": {"name": "cfc", "frames": 3}}, "no option 'frames': it belongs to stack"),
        ({"core": {"rank": 3}}, "give a name, or a dictionary with `name`"),
        ({"cor": "cfc"}, "a policy has no key 'cor': did you mean 'core'"),
        ({"rank": 3}, "options of a core belong under `core`"),
    ],
)
def test_a_wrong_key_is_named(values, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        PolicyConfig.from_dict(values)
    assert "\n" not in str(caught.value)


def test_choices_are_objects_in_python():
    with pytest.raises(ArgumentError, match=r"core is 'cfc': give one of lrs_lightning.nn.cores"):
        PolicyConfig(core="cfc")


def test_every_encoder_has_options_of_its_own():
    for encoder in ENCODERS.classes():
        if encoder is not encoders.Frozen:  # those of its run
            with pytest.raises(ArgumentError, match="features is 0"):
                encoder(features=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 0), ("num_layers", 0), ("init", "x"), ("rank", 9), ("sparsity", 1.0),
        ("mask_seed", -1), ("dropout", 1.5), ("backend", "x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("core", [cores.CfC, cores.LSTM, cores.GRU, cores.RNN])
def test_a_wrong_option_of_a_core_is_named(core, key, value):
    with pytest.raises(ArgumentError, match=rf"\b{key}\b"):
        core(**{"hidden_size": 8, key: value})


def test_what_an_old_configuration_leaves_out_has_its_default():
    assert read_config({"cell": "gru"}) == PolicyConfig(core=cores.GRU())
    assert read_config({"cell": "mlp", "rank": 3, "init_seed": 2}) == PolicyConfig(
        core=cores.MLP(), init_seed=2
    )
    assert read_config({}) == PolicyConfig()


def test_plain_values_hold_no_tuple():
    config = PolicyConfig(encoders.Vector(channels=(0, 2)), cores.GRU(control=controls.Pruned()))
    assert config.encoder.to_dict() == {"name": "mlp", "features": 128, "channels": [0, 2]}
    assert config.to_dict()["core"]["control"] == {"name": "pruned"}
