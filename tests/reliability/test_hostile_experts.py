"""An expert's weights, card and header are what was written, or one sentence says what is not."""

from __future__ import annotations

import json
import random
import shutil
from importlib.resources import as_file

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from lrs_lightning.documents import write_json
from lrs_lightning.errors import DataError, LrsError
from lrs_lightning.expert_training.card import write_card
from lrs_lightning.experts import load_expert, shipped_experts
from tests.reliability.opened import never_opened

ENV = "HalfCheetah-v5"


def layers(dtype=np.float32):
    rng = np.random.default_rng(0)
    return {
        "layers.0.weight": rng.standard_normal((6, 17)).astype(dtype),
        "layers.0.bias": np.zeros(6, dtype),
    }


@pytest.fixture
def expert(tmp_path):
    path = tmp_path / "expert" / "mine.safetensors"
    path.parent.mkdir()
    save_file(layers(), path, {"env": ENV, "activation": "relu"})
    write_card(path, {"env": ENV, "algorithm": "SAC", "evaluation": {"return_mean": 9.5}})
    return path


@pytest.mark.parametrize("name", ["mine.safetensors", "mine.json"])
@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_hundred_damaged_ones_of_a_hundred_are_named_or_change_nothing(expert, name, kind):
    right, file = load_expert(expert, ENV), expert.parent / name
    content, draw, named = file.read_bytes(), random.Random(0), 0
    for position in draw.sample(range(len(content)), 100):
        damaged = bytearray(content)
        if kind == "cut":
            del damaged[position:]
        else:
            damaged[position] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        try:
            read = load_expert(expert, ENV)
            same = [np.array_equal(a, b) for a, b in zip(read.layers[0], right.layers[0], strict=1)]
            assert all(same)
            without = [
                {k: v for k, v in e.card.items() if "sha256" not in k} for e in (read, right)
            ]
            assert without[0].items() >= without[1].items()
        except LrsError as error:
            assert expert.stem in str(error)
            named += 1
    assert named >= (100 if name == "mine.safetensors" else 90)


def test_the_shipped_weights_are_those_of_their_cards(tmp_path):
    for env, weights in shipped_experts().items():
        with as_file(weights) as path:
            card = json.loads(path.with_suffix(".json").read_text())
            assert len(card["weights_sha256"]) == 64 and len(card["sha256"]) == 64
            for file in (path, path.with_suffix(".json")):
                shutil.copy(file, tmp_path)
        if env != ENV:
            continue
        copy = tmp_path / path.name
        load_expert(copy, env)
        content, draw = copy.read_bytes(), random.Random(1)
        for position in draw.sample(range(len(content)), 25):
            damaged = bytearray(content)
            damaged[position] ^= 1 << draw.randrange(8)
            copy.write_bytes(damaged)
            with pytest.raises(DataError, match=r"v5\.safetensors was altered"):
                load_expert(copy, env)


CARDS = [
    ("[]", "Expected object, got array"),
    ("", "is no JSON"),
    ('"text"', "Expected object, got str"),
    ("[" * 100_000, "nested too deeply"),
    ('{"env": 3}', r"Expected str.*got int - at \$\.env"),
    ('{"env": "helper:X-v0"}', "names a module to import"),
    ('{"activation": ["relu"]}', r"\$\.activation"),
    ('{"algorithm": {}}', r"\$\.algorithm"),
    ('{"weights_sha256": 3}', r"\$\.weights_sha256"),
    ('{"weights_sha256": "0"}', "was altered"),
    ('{"env": "HalfCheetah-v5", "sha256": "0"}', "was altered"),
]


@pytest.mark.parametrize(("card", "sentence"), CARDS)
def test_a_card_is_one_or_is_told(expert, card, sentence):
    expert.with_suffix(".json").write_text(card)
    with pytest.raises(DataError, match=rf"mine\..*{sentence}") as refused:
        load_expert(expert, ENV)
    assert "\n" not in str(refused.value)


def test_a_card_that_is_a_link_is_not_followed(expert, tmp_path):
    secret = tmp_path / "outside" / "secret.json"
    secret.parent.mkdir()
    write_json(secret, {"password": "x"})
    expert.with_suffix(".json").unlink()
    expert.with_suffix(".json").symlink_to(secret)
    with never_opened(secret.parent), pytest.raises(DataError, match="is a link: put the file"):
        load_expert(expert, ENV)


HEADERS = [
    (layers(), {"env": "helper:X-v0"}, "names a module to import"),
    (layers(), {"activation": "os.system"}, "activation"),
    (layers(np.int64), None, "of type int64, expected floats"),
    ({**layers(), "layers.0.weight": np.zeros(3, np.float32)}, None, r"layer 0 .* weight \(3,\)"),
    ({**layers(), "layers.0.weight": np.float32(3)}, None, r"layer 0 .* weight \(\)"),
    ({**layers(), "layers.0.bias": np.float32(3)}, None, r"layer 0 .* bias \(\)"),
    (
        {"encoder.convolutions.0.weight": np.zeros((2, 2), np.float32), **layers()},
        None,
        "sees pixels and HalfCheetah-v5 shows no pictures",
    ),
]


@pytest.mark.parametrize(("tensors", "header", "sentence"), HEADERS)
def test_a_file_without_a_card_is_checked_as_well(tmp_path, tensors, header, sentence):
    (tmp_path / "mine.safetensors").write_bytes(
        save({name: np.asarray(values) for name, values in tensors.items()}, header)
    )
    with pytest.raises(LrsError, match=sentence):
        load_expert(tmp_path / "mine.safetensors", ENV)
