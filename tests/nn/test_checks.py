"""Each check takes what is good up to its very edge, and names everything else in a sentence."""

from __future__ import annotations

import math

import pytest
import torch

from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError
from lrs_lightning.nn import _checks

NO_NUMBERS = (True, False, "1", None, [1], 1 + 0j)
NO_WHOLE_NUMBERS = (*NO_NUMBERS, 1.0, 2.5, math.nan, math.inf)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (_checks.positive, (1, 2, 10**9), (0, -1, *NO_WHOLE_NUMBERS)),
        (_checks.seed, (0, 1, 2**31), (-1, *NO_WHOLE_NUMBERS)),
        (_checks.fraction, (0, 0.0, 0.5, 1 - 1e-12), (1, 1.0, -1e-12, math.nan, *NO_NUMBERS)),
        (_checks.probability, (0, 0.0, 0.5, 1, 1.0), (1 + 1e-12, -1e-12, math.nan, *NO_NUMBERS)),
    ],
)
def test_numbers(check, good, bad):
    for value in good:
        check("width", value)
    for value in bad:
        with pytest.raises(ArgumentError, match=r"^width is .*: give (a|the) ") as caught:
            check("width", value)
        assert repr(value) in str(caught.value)


def test_ranks():
    for value in (None, 1, 5):
        _checks.rank(value, 5)
    for value in (0, 6, -1, *(v for v in NO_WHOLE_NUMBERS if v is not None)):
        with pytest.raises(ArgumentError, match=r"^rank is .*: give a whole number from 1 to 5 "):
            _checks.rank(value, 5)
    with pytest.raises(ArgumentError, match=r"^eval_rank is 6"):
        _checks.rank(6, 5, "eval_rank")


def test_projections():
    for value in (0, 1, 6):
        _checks.projection(value, 7, "LRSLSTM", projects=True)
    for value in (7, -1, *NO_WHOLE_NUMBERS):
        with pytest.raises(ArgumentError, match=r"^proj_size is .*below hidden_size = 7"):
            _checks.projection(value, 7, "LRSLSTM", projects=True)
    _checks.projection(0, 7, "LRSGRU", projects=False)
    with pytest.raises(ArgumentError, match="LRSGRU has no projection"):
        _checks.projection(3, 7, "LRSGRU", projects=False)


def test_names():
    _checks.choice("cell", "gru", ["gru", "lstm"])
    with pytest.raises(UnknownNameError, match=r"unknown cell 'lsm'.*did you mean 'lstm'"):
        _checks.choice("cell", "lsm", (name for name in ("gru", "lstm")))
    with pytest.raises(LrsError):
        _checks.choice("cell", None, ["gru"])


def test_tensors_and_shapes():
    _checks.tensor("x", None)
    _checks.tensor("x", torch.zeros(2))
    with pytest.raises(ArgumentError, match="x is a list: give a torch.Tensor"):
        _checks.tensor("x", [0.0])
    _checks.shape("x", torch.zeros(2, 3), torch.Size([2, 3]), "(B, H)")
    for other in ((3, 2), (2,), (2, 3, 1), (6,)):
        with pytest.raises(ArgumentError, match=r"x has shape .*expected \(2, 3\), .* \(B, H\)"):
            _checks.shape("x", torch.zeros(other), [2, 3], "(B, H)")


def test_timespans():
    _checks.timespans(torch.tensor([0.0, 1.0, math.inf]))
    _checks.timespans(torch.tensor([-1.0], device="meta"))  # has no values that could be looked at
    for value, what in ((math.nan, "NaN"), (-1e-30, "a negative number")):
        with pytest.raises(ArgumentError, match=rf"of shape \(2,\) holds {what}"):
            _checks.timespans(torch.tensor([1.0, value]))
