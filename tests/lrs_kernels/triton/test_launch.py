"""Every kernel against the reference loops, forward and every gradient, in the interpreter."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import cfc_reference
from lrs_kernels.triton import launch
from lrs_kernels.triton.operands import INTERPRETED

pytestmark = [
    pytest.mark.usefixtures("poisoned_empty"),
    pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process"),
]

GATES = {"cfc": 3}


@dataclass(frozen=True)
class Case:
    """Sizes and options of one call; `rank=None` means dense weights."""

    members: int = 1
    steps: int = 3
    batch: int = 5
    hidden: int = 16
    rank: int | None = None
    mask: float | None = None  # density
    resets: bool = False
    timespans: bool = False

    def __str__(self) -> str:
        shape = f"P{self.members}-T{self.steps}-B{self.batch}-H{self.hidden}"
        options = f"r{self.rank}-mask{self.mask}" + "-resets" * self.resets
        return f"{shape}-{options}" + "-dt" * self.timespans


@dataclass
class Call:
    """The tensors of one call, and upstream gradients for its outputs."""

    x_proj: Tensor
    recurrent: Recurrent
    h0: Tensor
    c0: Tensor
    timespans: Tensor | None
    resets: Tensor | None
    dy: Tensor
    d_final: Tensor


def make(case: Case, cell: str, dtype: torch.dtype = torch.float64) -> Call:
    p, t, b, h, g = case.members, case.steps, case.batch, case.hidden, GATES[cell]
    scale = h**-0.5

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype)

    if case.rank is None:
        weight: Tensor | tuple[Tensor, Tensor] = normal(p, g, h, h) * scale
    else:
        weight = normal(p, g, h, case.rank) * scale, normal(p, g, case.rank, h) * case.rank**-0.5
    mask = None if case.mask is None else (torch.rand(p, g, h, h) < case.mask).to(dtype)
    resets = torch.rand(p, t, b) < 0.4 if case.resets else None
    timespans = torch.rand(p, t, b, dtype=dtype) * 2 if case.timespans else None
    return Call(
        normal(p, t, b, g * h),
        Recurrent.of(weight, mask),
        normal(p, b, h),
        normal(p, b, h),
        timespans,
        resets,
        normal(p, t, b, h),
        normal(p, b, h),
    )


def reference_cfc(call: Call) -> dict[str, Tensor]:
    leaves = {"dz": call.x_proj, "dh0": call.h0}
    if call.timespans is not None:
        leaves["d_timespans"] = call.timespans
    leaves = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    weight = call.recurrent.effective().double()
    y, last = cfc_reference(
        leaves["dz"], weight, leaves["dh0"], leaves.get("d_timespans"), call.resets
    )
    outputs = [y, last]
    grads = torch.autograd.grad(
        outputs, list(leaves.values()), [call.dy.double(), call.d_final.double()]
    )
    return {"y": y.detach(), **dict(zip(leaves, grads, strict=True))}


def kernel_cfc(call: Call, precision: str = "ieee") -> dict[str, Tensor]:
    common = (call.recurrent, call.h0, call.timespans, call.resets, precision)
    states = launch.cfc_forward(call.x_proj, *common, save_time=call.timespans is not None)
    dz, dh0, d_timespans = launch.cfc_backward(call.dy, call.d_final, states, *common)
    found = {"y": states.y, "dz": dz, "dh0": dh0}
    return found if d_timespans is None else {**found, "d_timespans": d_timespans}


REFERENCE = {"cfc": reference_cfc}
KERNEL = {"cfc": kernel_cfc}

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
    Case(timespans=True),
    Case(timespans=True, resets=True, members=2, hidden=20, rank=4, mask=0.5, batch=9),
]


def rms_ratio(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    assert not found.isnan().any(), "something nobody wrote was read"
    error = (found.double() - expected).square().mean().sqrt()
    return (error / expected.square().mean().sqrt().clamp_min(1e-300)).item()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("cell", GATES)
def test_equals_the_reference_in_float64(cell: str, case: Case) -> None:
    call = make(case, cell)
    expected = REFERENCE[cell](call)
    found = KERNEL[cell](call)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("case", TIMED, ids=str)
def test_timespans_and_their_gradient(case: Case) -> None:
    call = make(case, "cfc")
    expected = reference_cfc(call)
    for name, value in kernel_cfc(call).items():
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
@pytest.mark.parametrize("cell", GATES)
def test_low_precision_stays_close(
    cell: str, dtype: torch.dtype, precision: str, limit: float
) -> None:
    call = make(Case(hidden=24, rank=4, mask=0.5, resets=True), cell, dtype)
    expected = REFERENCE[cell](call)
    for name, value in KERNEL[cell](call, precision).items():
        assert rms_ratio(value, expected[name]) < limit, name


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # NumPy's, on purpose
@pytest.mark.parametrize("cell", GATES)
def test_saturated_gates_are_never_nan(cell: str) -> None:
    call = make(Case(), cell, torch.float32)
    call.x_proj *= 1000
    expected = REFERENCE[cell](call)
    for name, value in KERNEL[cell](call).items():
        assert not value.isnan().any(), name
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", GATES)
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


def test_a_population_equals_its_members_alone() -> None:
    call = make(Case(members=3, rank=4, mask=0.5, resets=True), "cfc")
    together = kernel_cfc(call)
    for p in range(3):
        one = slice(p, p + 1)
        alone = Call(
            call.x_proj[one],
            Recurrent(*(None if part is None else part[one] for part in call.recurrent)),
            call.h0[one],
            call.c0[one],
            None,
            None if call.resets is None else call.resets[one],
            call.dy[one],
            call.d_final[one],
        )
        for name, value in kernel_cfc(alone).items():
            assert torch.equal(value, together[name][one]), name


def test_overwriting_gives_the_same_numbers_in_half_the_memory() -> None:
    call = make(Case(resets=True), "cfc")
    expected = kernel_cfc(call)
    x_proj = call.x_proj.clone()
    common = (call.recurrent, call.h0, None, call.resets)
    states = launch.cfc_forward(x_proj, *common, overwrite=True)
    dz, dh0, _ = launch.cfc_backward(call.dy, call.d_final, states, *common, overwrite=True)
    assert dz.data_ptr() == x_proj.data_ptr()
    for name, value in (("y", states.y), ("dz", dz), ("dh0", dh0)):
        assert torch.equal(value, expected[name]), name


def test_unknown_precision_is_named() -> None:
    call = make(Case(), "cfc", torch.float32)
    with pytest.raises(ValueError, match="precision is 'fp8'; choose one of ieee"):
        launch.cfc_forward(call.x_proj, call.recurrent, call.h0, precision="fp8")
