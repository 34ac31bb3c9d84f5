from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts import Condition, Schedule


@pytest.mark.parametrize(
    ("text", "shift", "severity", "written"),
    [
        ("clean", "clean", 0, "clean"),
        ("mass@3", "mass", 3, "mass@3"),
        ("mass@0", "mass", 0, "mass@0"),
        ("mass+friction@2", "mass+friction", 2, "mass@2+friction@2"),
        ("mass@3+wind@2", "mass@3+wind@2", 3, "mass@3+wind@2"),
        ("mass[ramp=9, onset=20]@3", "mass[onset=20,ramp=9]", 3, "mass[onset=20,ramp=9]@3"),
        (
            "sensor_dropout[mode=zero,period=10,duty=0.2]@1",
            "sensor_dropout[mode=zero,period=10,duty=0.2]",
            1,
            "sensor_dropout[mode=zero,period=10,duty=0.2]@1",
        ),
    ],
)
def test_a_condition_reads_back_what_it_writes(text, shift, severity, written):
    condition = Condition(text)
    assert (condition.shift, condition.severity, str(condition)) == (shift, severity, written)
    assert Condition.parse(written) == Condition(shift, severity) == condition


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{shift: mass, severity: 3}", "mass@3"),
        ("{shift: mass, severity: 3, onset: 200, ramp: 100}", "mass[onset=200,ramp=100]@3"),
        ("{shift: sensor_dropout, severity: 1, mode: zero}", "sensor_dropout[mode=zero]@1"),
        ("{compose: [mass@3, {shift: wind, severity: 2}]}", "mass@3+wind@2"),
        ("mass@3", "mass@3"),
    ],
)
def test_a_condition_is_read_from_yaml(source, written):
    assert str(Condition.parse(yaml.safe_load(source))) == written


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Condition("mass"), "severity missing"),
        (lambda: Condition("mass", -1), "severity -1"),
        (lambda: Condition("mass@2", 3), "the text says 2"),
        (lambda: Condition("clean", 2), "no severity but 0"),
        (lambda: Condition("mass@three"), "cannot read 'mass@three'"),
        (lambda: Condition("mass[onset]@3"), "key=value"),
        (lambda: Condition("mass[onset=-1]@3"), "onset: -1"),
        (lambda: Condition("mass[duty=0,period=3]@3"), "duty"),
        (lambda: Condition.parse({"severity": 3}), "mapping with 'shift'"),
        (lambda: Condition.parse(7), "write text such as"),
    ],
)
def test_bad_input_gets_one_sentence(build, sentence):
    with pytest.raises(ArgumentError, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_schedule_is_part_of_the_component():
    (part,) = Condition("mass[onset=20,ramp=9]@3").components
    assert (part.name, part.severity, part.schedule) == ("mass", 3, Schedule(onset=20, ramp=9))


PART = st.builds(
    lambda name, severity, keys: f"{name}[{keys}]@{severity}" if keys else f"{name}@{severity}",
    st.sampled_from(["mass", "blur", "sensor_dropout"]),
    st.integers(0, 5),
    st.dictionaries(
        st.sampled_from(["onset", "ramp", "period", "a", "b"]), st.integers(0, 300), max_size=3
    ).map(lambda options: ",".join(f"{k}={v}" for k, v in options.items())),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PART, min_size=1, max_size=3).map("+".join))
def test_any_condition_survives_a_result_row(text):
    condition = Condition(text)
    assert Condition(condition.shift, condition.severity) == condition
    assert Condition.parse(str(condition)) == condition
    assert len(condition.components) == text.count("+") + 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="mas@3[]=,+ _1.\n", max_size=12))
def test_any_text_is_read_or_refused_in_one_sentence(text):
    try:
        condition = Condition(text)
    except ArgumentError as error:
        assert "condition" in str(error) or "onset" in str(error)
    else:
        assert Condition.parse(str(condition)) == condition
