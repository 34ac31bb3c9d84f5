"""What a zip says of its policy is read word by word, and every default is Stable-Baselines3's."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.experts.sb3_options import Options, read_options

PPO = "stable_baselines3.common.policies.ActorCriticPolicy"
TD3 = "stable_baselines3.td3.policies.TD3Policy"

CLASSES = {
    "stable_baselines3.common.policies.ActorCriticCnnPolicy": "A2C",
    "sb3_contrib.common.maskable.policies.MaskableActorCriticPolicy": "A2C",
    "sb3_contrib.common.maskable.policies.MaskableActorCriticCnnPolicy": "A2C",
    "stable_baselines3.dqn.policies.CnnPolicy": "DQN",
    "stable_baselines3.dqn.policies.DQNPolicy": "DQN",
    "stable_baselines3.sac.policies.SACPolicy": "SAC",
    "sb3_contrib.qrdqn.policies.CnnPolicy": "QR-DQN",
    "sb3_contrib.qrdqn.policies.QRDQNPolicy": "QR-DQN",
    "sb3_contrib.tqc.policies.TQCPolicy": "TQC",
    PPO: "A2C",
    TD3: "TD3",
}
HARMLESS = (
    *("full_std", "log_std_init", "n_critics", "n_quantiles", "net_arch", "optimizer_class"),
    *("optimizer_kwargs", "ortho_init", "sde_net_arch", "share_features_extractor", "use_expln"),
)


def read(policy: str = TD3, words: Any = None, **values: Any) -> Options:
    module, _, name = policy.rpartition(".")
    pickled = base64.b64encode(f"c{module}\n{name}\n.".encode()).decode()
    data = {"policy_class": {":serialized:": pickled}, "policy_kwargs": words or {}, **values}
    return read_options(json.dumps(data).encode())


@pytest.mark.parametrize(("policy", "algorithm"), CLASSES.items())
def test_the_class_of_a_policy_tells_its_algorithm(policy: str, algorithm: str) -> None:
    on_policy = algorithm == "A2C"
    assert asdict(read(policy)) == {
        "algorithm": algorithm,
        "activation": "tanh" if on_policy else "relu",
        "squash": False,
        "clip_mean": 2.0,
        "sde": False,
        "normalize_images": True,
        "normalised": False if on_policy else None,
    }


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"clip_range": 0.2}, {"algorithm": "PPO"}),
        ({"cg_max_steps": 15}, {"algorithm": "TRPO"}),
        ({"cg_max_steps": 15, "clip_range": 0.2}, {"algorithm": "TRPO"}),
        ({"words": {"squash_output": True}}, {"squash": True}),
        ({"words": {"squash_output": "yes"}}, {"squash": False}),
        ({"words": {"clip_mean": 0}}, {"clip_mean": 0.0}),
        ({"use_sde": True}, {"sde": True}),
        ({"words": {"use_sde": True}}, {"sde": True}),
        ({"words": {"normalize_images": False}}, {"normalize_images": False}),
        ({"_last_original_obs": {":serialized:": "x"}}, {"normalised": True}),
        ({"_last_original_obs": None}, {"normalised": False}),
        (
            {"words": {"activation_fn": "<class 'torch.nn.modules.activation.ELU'>"}},
            {"activation": "elu"},
        ),
        (
            {"words": {"activation_fn": "<class 'torch.nn.modules.linear.Identity'>"}},
            {"activation": "identity"},
        ),
        *(({"words": {name: 1}}, {}) for name in HARMLESS),
        ({"words": {":type:": "dict", ":serialized:": "x"}}, {}),
        ({"words": {"features_extractor_kwargs": {"features_dim": 9}}}, {}),
        ({"words": {"features_extractor_kwargs": None}}, {}),
        *(
            (
                {
                    "words": {
                        "features_extractor_class": (
                            f"<class 'stable_baselines3.common.torch_layers.{name}'>"
                        )
                    }
                },
                {},
            )
            for name in ("FlattenExtractor", "NatureCNN")
        ),
    ],
)
def test_each_word_changes_what_it_says_and_nothing_else(
    values: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert asdict(read(PPO, **values)) == asdict(read(PPO)) | changes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"b": 1, "a": 2}, "policy_kwargs has a, b, whose effect on the action"),
        ({"clip_mean": True}, "clip_mean is True, expected a number"),
        ({"clip_mean": "x" * 99}, "clip_mean is 'x{59}, expected a number$"),
        ({"features_extractor_kwargs": [1]}, "features_extractor_kwargs is .1.: only features_dim"),
        (
            {"features_extractor_class": "<class 'mine.NatureCNN'>"},
            "its author's own, <class 'mine.NatureCNN'>",
        ),
        ({"activation_fn": "<class 'torch.nn.modules.rnn.GRU'>"}, "is no activation of torch"),
    ],
)
def test_words_that_are_not_known_are_named(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(words=words)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "data is damaged: it names no policy_class and policy_kwargs"),
        (b"[]", "data is damaged"),
        (b'{"policy_class": {}}', "data is damaged"),
        (b"[" * 100_000, "data is damaged"),
        (b'{"policy_class": "x", "policy_kwargs": {}}', "its policy_class is not readable"),
        (
            b'{"policy_class": {":serialized:": "?"}, "policy_kwargs": {}}',
            "its policy_class is not readable",
        ),
        # a pickled number where a class should be
        (
            b'{"policy_class": {":serialized:": "SzEu"}, "policy_kwargs": {}}',
            "the policy's class is one of its author's own",
        ),
        (b'{"policy_class": {}, "policy_kwargs": [1]}', r"policy_kwargs is \[1\], expected a dict"),
    ],
)
def test_what_is_no_data_is_told(data: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_options(data)
