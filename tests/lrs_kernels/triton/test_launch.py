"""Every kernel against the reference loops, forward and every gradient, in the interpreter."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import choice
from lrs_kernels.triton.choice import INTERPRETED
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.table import Tile
from tests.lrs_kernels.triton.calls import (
    CFCS,
    KERNEL,
    REFERENCE,
    Case,
    make,
    member,
    rms_ratio,
)
from tests.selection import always, in_turns

pytestmark = [
    pytest.mark.usefixtures("poisoned_empty"),
    pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process"),
]

CASES = [
    Case(),
    Case(steps=1, batch=1),
    Case(batch=9),  # a second tile with one row
    Case(hidden=24, rank=3, mask=0.5),  # padded units and ranks
    Case(hidden=5, rank=5, mask=0.0),
    Case(hidden=16, rank=7),  # no mask: the product, formed on chip or factored
    Case(hidden=24, rank=40, mask=0.7),  # more than one chunk of ranks
    Case(members=3, hidden=12, rank=4, mask=0.5),
    Case(members=2, batch=9, resets=True, mask=0.5),
    Case(steps=5, resets=True, hidden=17),
]
TIMED = [
    Case(timespans=True, rank=3),
    Case(timespans=True, resets=True, members=2, hidden=20, rank=4, mask=0.5, batch=9),
]

CELLS = ("cfc", "lstm", "gru", "rnn", "relu")  # other CfCs differ in the step alone: see TIMED


def paths(cases: list[Case]) -> list[tuple[str, Case]]:
    """Every case down every path that has it: only factors without a mask have a factored form."""
    return [
        (path, case)
        for case in cases
        for path in ("held", "resident", "factored", "step")
        if path != "factored" or (case.rank is not None and case.mask is None)
    ]


@pytest.fixture
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sends every call down one path, whatever the table says of its size."""
    rows = 8  # so that a batch of 9 takes two programs
    held = request.param == "held"  # matrices formed on chip
    way = "resident" if held else request.param
    chosen = Plan(way, rows, Tile(4, held, ahead=1 + held), "asked for by a test")
    monkeypatch.setattr(choice, "plan", lambda *_: chosen)
    return request.param


@pytest.mark.parametrize(
    ("cell", "path", "case"), in_turns(CELLS, paths(CASES)), indirect=["path"], ids=str
)
def test_equals_the_reference_in_float64(cell: str, path: str, case: Case) -> None:
    call = make(case, cell)
    expected = REFERENCE[cell](call)
    found = KERNEL[cell](call)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize(
    ("cell", "path", "case"), in_turns(CFCS, paths(TIMED)), indirect=["path"], ids=str
)
def test_timespans_and_their_gradient(cell: str, path: str, case: Case) -> None:
    call = make(case, cell)
    expected = REFERENCE[cell](call)
    for name, value in KERNEL[cell](call).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize(
    ("dtype", "precision", "limit"),
    [
        (torch.float32, "ieee", 1e-6),
        (torch.float32, "bf16", 2e-2),
        (torch.bfloat16, "bf16", 2e-2),
    ],
    ids=["float32", "float32-bf16", "bfloat16"],
)
@pytest.mark.parametrize("weights", [{}, {"rank": 4, "mask": 0.5}], ids=["dense", "low-rank"])
@pytest.mark.parametrize("cell", CELLS)
def test_low_precision_stays_close(
    cell: str, weights: dict[str, Any], dtype: torch.dtype, precision: str, limit: float
) -> None:
    call = make(Case(hidden=24, resets=True, **weights), cell, dtype)
    expected = REFERENCE[cell](call)
    for name, value in KERNEL[cell](call, precision).items():
        assert rms_ratio(value, expected[name]) < limit, name


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # NumPy's, on purpose
@pytest.mark.parametrize("cell", CELLS)
def test_saturated_gates_are_never_nan(cell: str) -> None:
    call = make(Case(), cell, torch.float32)
    call.x_proj *= 1000
    expected = REFERENCE[cell](call)
    for name, value in KERNEL[cell](call).items():
        assert not value.isnan().any(), name
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", always(CELLS, {"cfc", "gru"}.__contains__))
def test_strided_inputs_need_no_copy_and_change_nothing(cell: str) -> None:
    """A batch-first tensor seen as (P, T, B, ...), a gradient expanded by `sum`, a shared mask."""
    call = make(Case(members=2, rank=3, mask=0.5), cell)
    plain = KERNEL[cell](call)
    batch_first = call.x_proj.transpose(1, 2).contiguous().transpose(1, 2)
    assert not batch_first.is_contiguous()
    call.x_proj = batch_first
    for name, value in KERNEL[cell](call).items():
        assert torch.equal(value, plain[name]), name
    call.dy = torch.ones((), dtype=torch.float64).expand_as(call.dy)
    expected = REFERENCE[cell](call)
    torch.testing.assert_close(KERNEL[cell](call)["dz"], expected["dz"], rtol=1e-10, atol=1e-10)
    assert call.recurrent.mask is not None
    shared = call.recurrent.mask[:1].expand_as(call.recurrent.mask)
    call.recurrent = call.recurrent._replace(mask=shared)
    torch.testing.assert_close(KERNEL[cell](call)["y"], REFERENCE[cell](call)["y"])


def columns_first(part: torch.Tensor) -> torch.Tensor:
    return part.mT.contiguous().mT


def gaps_between_rows(part: torch.Tensor) -> torch.Tensor:
    wide = part.repeat_interleave(2, -2)
    wide[..., 1::2, :] = torch.nan
    return wide[..., ::2, :]


@pytest.mark.parametrize("order", [columns_first, gaps_between_rows])
@pytest.mark.parametrize("low_rank", [False, True], ids=["dense", "low rank"])
@pytest.mark.parametrize("cell", always(["cfc", "gru", "lstm"], "lstm".__eq__))
def test_flags_and_weights_may_lie_in_any_order(cell: str, low_rank: bool, order: Any) -> None:
    """Kernels count on packed rows of flags, and on matrices packed within a member."""
    options = {"rank": 3, "mask": 0.5} if low_rank else {}
    call = make(Case(members=2, steps=4, resets=True, **options), cell)
    plain = KERNEL[cell](call)
    turned = call.resets.transpose(1, 2).contiguous().transpose(1, 2)
    assert not turned.is_contiguous()
    call.resets = turned
    parts = (None if p is None else order(p) for p in call.recurrent)
    call.recurrent = Recurrent(*parts)
    assert not call.recurrent.reference.is_contiguous()
    for name, value in KERNEL[cell](call).items():
        assert torch.equal(value, plain[name]), name


@pytest.mark.parametrize("cell", CELLS)
def test_a_population_equals_its_members_alone(cell: str) -> None:
    call = make(Case(members=3, rank=4, mask=0.5, resets=True), cell)
    together = KERNEL[cell](call)
    for index in range(3):
        for name, value in KERNEL[cell](member(call, index)).items():
            assert torch.equal(value, together[name][index : index + 1]), name


def test_unknown_precision_is_named() -> None:
    call = make(Case(), "cfc", torch.float32)
    with pytest.raises(ValueError, match="precision is 'fp8'; choose one of ieee"):
        KERNEL["cfc"](call, "fp8")
