"""An environment with arguments and wrappers as one line: written, read, and refused from files."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.env_variant import EnvVariant, variant_text
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.foreign_id import check_foreign_id

NAMES = st.sampled_from(["A-v0", "ALE/B-v5", "my.module.C", "D"])
FLAT = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = FLAT | st.lists(FLAT, max_size=2) | st.dictionaries(st.text(max_size=3), FLAT, max_size=2)
OPTIONS = st.dictionaries(st.sampled_from(["a", "b_2", "_c"]), VALUES)


@settings(max_examples=40, deadline=None)
@given(NAMES, OPTIONS, st.lists(st.tuples(NAMES, OPTIONS), max_size=2))
def test_what_is_written_is_read_again(env_id, kwargs, wrappers):
    variant = EnvVariant(env_id, kwargs, tuple(wrappers))
    assert EnvVariant.parse(str(variant)) == variant
    assert variant.plain == (str(variant) == env_id)


def test_options_are_added_and_take_the_place_of_others():
    text = variant_text("A-v0(a=1,b=[2,3])+X", {"a": 5, "c": "w"}, ["Y(size=4)", "m:Z"])
    assert text == 'A-v0(a=5,b=[2,3],c="w")+X+Y(size=4)+m:Z'
    assert variant_text("ALE/Seaquest-v5", None, None) == "ALE/Seaquest-v5"
    assert EnvVariant.parse("A( a = 1 , b = 2 )") == EnvVariant("A", {"a": 1, "b": 2})
    assert EnvVariant.parse(text).arguments["wrappers"][1] == ("Y", {"size": 4})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A(", "NAME=VALUE at character 3"),
        ("A()", "NAME=VALUE"),
        ("A(a)", "NAME=VALUE"),
        ("A(a=)", "a JSON value; texts stand in quotes at character 5"),
        ("A(a=word)", "a JSON value"),
        ("A(a=1", "',' or '\\)'"),
        ("A(a=1 b=2)", "',' or '\\)'"),
        ("A(a=1,)", "NAME=VALUE"),
        ("A(a=1)B", "'\\+' and a wrapper"),
        ("A+", "a name at character 3"),
        ("(a=1)", "a name at character 1"),
        ("A(a=" + "[" * 100_000, "a JSON value"),
    ],
)
def test_a_line_that_is_none_is_told_with_the_place(text, expected):
    with pytest.raises(ArgumentError, match=expected) as caught:
        EnvVariant.parse(text)
    assert len(str(caught.value)) < 450


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_a_value_that_no_file_can_keep_is_refused(value):
    with pytest.raises(ArgumentError, match="argument 'g' is .*, which no file can keep"):
        variant_text("A", {"g": value}, None)


def test_names_of_arguments_are_names():
    with pytest.raises(ArgumentError, match="'a b' is no name"):
        variant_text("A", {"a b": 1}, None)
    with pytest.raises(ArgumentError, match="the end of the wrapper"):
        variant_text("A", None, ["X+Y"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("m:A-v0(g=1)", "'m:A-v0' names a module"),
        ("A-v0+m:W", "'m:W' names a module"),
        ('A-v0(xml_file="/etc/passwd")', "a path or a module"),
        ('A-v0(xml_file="../robot.xml")', "a path or a module"),
        ('A-v0(entry="m:f")', "a path or a module"),
        ('A-v0(deep=[{"a":"~/x"}])', "a path or a module"),
        ('A-v0(deep={"a/b":1})', "a path or a module"),
        ('A-v0+W(key="..")', "a path or a module"),
        ("A-v0(g=1", "expected ',' or"),
        ("A-v0(g=" + "1" * 3000 + ")", "expected|longer"),
    ],
)
def test_a_file_names_plain_values_alone(text, sentence):
    with pytest.raises(DataError, match=f"^here: .*{sentence}"):
        check_foreign_id(text, "here")


def test_numbers_flags_and_words_may_come_from_a_file():
    text = 'A-v0(a=1.5,b=true,mode="dense two-step",shape=[4,4])+TimeAwareObservation+my_module.Own'
    assert check_foreign_id(text, "here") == text
