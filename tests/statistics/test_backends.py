"""Episodes on several backends are named; one backend, or none that is known, is not."""

import pytest

from lrs_lightning.statistics.backends import mixed_backends


def rows(*pairs):
    return [{"policy": policy, **({"backend": on} if on else {})} for policy, on in pairs]


@pytest.mark.parametrize(
    "known",
    [(), [("a", "native")], [("a", "native"), ("b", "native")], [("a", "cpu"), ("b", None)]],
)
def test_one_backend_is_nothing_to_tell(known):
    assert mixed_backends(rows(*known)) is None


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ([("a", "native"), ("b", "cpu"), ("c", "native")], "(native: a, c; cpu: b)"),
        ([("a", "native"), ("a", "triton")], "(native: a; triton: a)"),
    ],
)
def test_several_are_told_with_their_policies(known, told):
    sentence = mixed_backends(rows(*known))
    assert told in sentence and "single episodes" in sentence
