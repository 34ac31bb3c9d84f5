"""A document is read as what it was declared to be, or refused in one sentence."""

from __future__ import annotations

import json
import random
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs_lightning import documents
from lrs_lightning.documents import parse_json, read_json, read_yaml, write_json
from lrs_lightning.errors import DataError

MEND = "write it anew"


class Shape(msgspec.Struct):
    env: str
    episodes: Annotated[int, msgspec.Meta(ge=1)]
    returns: list[float] = []


def test_a_round_trip(tmp_path):
    write_json(tmp_path / "a.json", {"env": "x", "episodes": 2, "returns": [1.5, float("nan")]})
    plain = json.loads((tmp_path / "a.json").read_text())
    assert plain.pop("sha256") and plain == {"env": "x", "episodes": 2, "returns": [1.5, None]}
    write_json(tmp_path / "a.json", {"env": "x", "episodes": 2, "returns": [1.5]})
    assert read_json(tmp_path / "a.json", Shape, MEND) == Shape("x", 2, [1.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"env": 3, "episodes": 1}', r"a\.json: Expected str, got int - at \$\.env: write it"),
        ('{"env": "x", "episodes": 0}', r"Expected int >= 1 - at \$\.episodes"),
        ('{"env": "x"}', "missing required field episodes"),
        ("[]", "Expected object, got array"),
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("NaN", "is no JSON"),
        ("[" * 100_000, "is no JSON .nested too deeply"),
        ('{"env": "x", "episodes": 1e999}', "out of range"),
        ('{"env": "x", "episodes": 1, "sha256": "0"}', "was altered"),
    ],
)
def test_other_json_is_one_sentence(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_json(tmp_path / "a.json", Shape, MEND)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(MEND)
    assert len(str(caught.value)) < 500


def test_a_number_of_any_length_is_a_number():
    assert parse_json("1" + "0" * 400, int, "a.json", MEND) == 10**400


def test_what_is_missing_or_too_large_is_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="cannot read .*a.json .No such file"):
        read_json(tmp_path / "a.json", Any, MEND)
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    monkeypatch.setattr(documents, "LARGEST", 4)
    with pytest.raises(DataError, match="is larger than"):
        read_json(tmp_path / "a.json", Any, MEND)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("env: x\nepisodes: two", r"Expected int, got str - at \$\.episodes"),
        ("!!python/object/apply:os.mkdir [ran]", "is no YAML"),
        ("a: [", "is no YAML"),
        ("[" * 1_500, "is no YAML|nested too deeply"),
        ("\xff\x00", "is no YAML"),
        ("- x", "Expected object, got array"),
    ],
)
def test_other_yaml_is_one_sentence(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_yaml(tmp_path / "a.yaml", Shape, MEND)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_every_flipped_or_cut_byte_is_told_or_changes_nothing(tmp_path):
    values = {"env": "HalfCheetah-v5", "episodes": 20, "returns": [9776.25, -287.5]}
    whole = write_json(tmp_path / "a.json", values).read_bytes()
    right = read_json(tmp_path / "a.json", Shape, MEND)
    generator, told = random.Random(0), 0
    for place in range(len(whole)):
        for damaged in (
            whole[:place]
            + bytes([whole[place] ^ 1 << generator.randrange(8)])
            + whole[place + 1 :],
            whole[:place],
        ):
            (tmp_path / "a.json").write_bytes(damaged)
            try:
                assert read_json(tmp_path / "a.json", Shape, MEND) == right
            except DataError:
                told += 1
    assert told > 1.5 * len(whole)  # what is left are spaces and the name of the checksum's key


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_told(content):
    try:
        parse_json(content, Shape, "a.json", MEND)
    except DataError as error:
        assert str(error).startswith("a.json")
