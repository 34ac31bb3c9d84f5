"""On a GPU: the layers and scans in every surrounding that PyTorch offers them.

Modes (inference, no_grad, autocast), compilers, graphs and streams of the caller's own, batches of
nothing, and tensors of more elements than 32 bits count.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from torch import Tensor

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan
from lrs_kernels.step import CfCStep

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    # PyTorch's own, from its autograd thread and from its compiler.
    pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS"),
    pytest.mark.filterwarnings("ignore:The CUDA Graph is empty"),
    pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores"),
]

SCANS: dict[str, tuple[Callable[..., tuple[Tensor, object]], int]] = {
    "cfc": (cfc_scan, 3), "lstm": (lstm_scan, 4), "gru": (gru_scan, 3), "rnn": (rnn_scan, 1),
}  # fmt: skip
ON_CHIP, IN_STEPS = 48, 272
"""A hidden size whose matrices fit a multiprocessor, and one that takes a launch per step."""
SIZES = pytest.mark.parametrize("hidden", [ON_CHIP, IN_STEPS])


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).cuda()


class Work:
    """A scan with its weights, and one training step through it."""

    def __init__(self, hidden: int, cell: str = "cfc", steps: int = 9, batch: int = 5) -> None:
        self.scan, gates = SCANS[cell]
        self.x = drawn(steps, batch, gates * hidden).requires_grad_()
        self.w1 = (drawn(gates, hidden, 4, seed=1) / hidden**0.5).requires_grad_()
        self.w2 = (drawn(gates, 4, hidden, seed=2) / 2).requires_grad_()
        self.dy = drawn(steps, batch, hidden, seed=3)

    def outputs(self, backend: str = "auto") -> Tensor:
        return self.scan(self.x, (self.w1, self.w2), backend=backend, precision="tf32x3")[0]

    def train(self, backend: str = "auto") -> list[Tensor]:
        y = self.outputs(backend)
        leaves = [self.x, self.w1, self.w2]
        return [y.detach(), *torch.autograd.grad(y, leaves, self.dy.to(y.dtype))]


def assert_near(found: list[Tensor], expected: list[Tensor], limit: float = 1e-4) -> None:
    for one, other in zip(found, expected, strict=True):
        assert torch.isfinite(one).all()
        assert (one.float() - other.float()).norm() <= limit * other.float().norm()


MODES = {"inference": torch.inference_mode, "no_grad": torch.no_grad, "none": nullcontext}


@SIZES
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_a_call_in_any_mode_leaves_training_as_it_was(
    hidden: int, mode: Callable[[], AbstractContextManager[object]]
) -> None:
    work = Work(hidden, steps=11)
    with mode():
        before = work.outputs()
    found = work.train()
    assert_near(found, work.train("reference"))
    assert torch.equal(found[0], before)


@SIZES
@pytest.mark.parametrize("cell", SCANS)
def test_autocast_lowers_products_alone(hidden: int, cell: str) -> None:
    work = Work(hidden, cell)
    with torch.autocast("cuda", torch.bfloat16):
        y = work.scan(work.x, (work.w1, work.w2))[0]
        grads = torch.autograd.grad(y.float(), [work.x, work.w1, work.w2], work.dy)
    assert_near([y.detach(), *grads], work.train("reference"), limit=3e-2)


@SIZES
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("cell", SCANS)
def test_bfloat16_tensors_stay_bfloat16(hidden: int, cell: str, compiled: bool) -> None:
    work = Work(hidden, cell)
    low = [part.detach().bfloat16().requires_grad_() for part in (work.x, work.w1, work.w2)]
    scan = torch.compile(work.scan, fullgraph=True, backend="aot_eager") if compiled else work.scan
    y = scan(low[0], (low[1], low[2]))[0]
    found = [y.detach(), *torch.autograd.grad(y, low, work.dy.bfloat16())]
    assert all(part.dtype == torch.bfloat16 for part in found)
    assert_near(found, work.train("reference"), limit=3e-2)


@SIZES
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compiled_training_equals_eager(hidden: int, mode: str) -> None:
    work = Work(hidden, steps=6)
    step = torch.compile(work.outputs, fullgraph=True, mode=mode)
    expected = work.train()
    for _ in range(4):  # warm-up, recording and replay of the compiler's own graphs
        y = step()
        found = [y.detach(), *torch.autograd.grad(y, [work.x, work.w1, work.w2], work.dy)]
        assert_near([tensor.clone() for tensor in found], expected)


@SIZES
def test_training_in_a_graph_of_the_callers_own(hidden: int) -> None:
    work = Work(hidden, steps=6)
    expected = work.train()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        work.train()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work.train()
    for tensor in found:
        tensor.fill_(float("nan"))
    graph.replay()
    torch.cuda.synchronize()
    assert_near(found, expected, limit=1e-6)


@SIZES
def test_streams_do_not_disturb_each_other(hidden: int) -> None:
    works = [Work(hidden, steps=40, batch=b) for b in (5, 9)]
    expected = [work.train() for work in works]
    streams = [torch.cuda.Stream() for _ in works]
    torch.cuda.synchronize()
    found = []
    for _ in range(5):
        for work, stream in zip(works, streams, strict=True):
            with torch.cuda.stream(stream):
                found.append(work.train())
    torch.cuda.synchronize()
    for index, one in enumerate(found):
        for tensor, other in zip(one, expected[index % 2], strict=True):
            assert torch.equal(tensor, other)


@pytest.mark.parametrize("cell", SCANS)
def test_vmap_and_single_calls_agree(cell: str) -> None:
    works = [Work(ON_CHIP, cell) for _ in range(3)]
    scan, stacked = (
        works[0].scan,
        [torch.stack([getattr(w, n) for w in works]) for n in ("x", "w1", "w2")],
    )
    y = torch.vmap(lambda x, w1, w2: scan(x, (w1, w2), precision="tf32x3")[0])(*stacked)
    assert_near(list(y), [work.outputs() for work in works], limit=1e-6)


@SIZES
@pytest.mark.parametrize("cell", SCANS)
def test_one_step_of_one_row(hidden: int, cell: str) -> None:
    work = Work(hidden, cell, steps=1, batch=1)
    assert_near(work.train(), work.train("reference"))


def test_unroll_and_step_are_the_same_numbers() -> None:
    work = Work(ON_CHIP, steps=20, batch=1)
    y = work.scan(work.x, (work.w1, work.w2), precision="ieee")[0][:, 0].detach().cpu()
    weight = (work.w1 @ work.w2).detach().cpu()
    eye = torch.eye(3 * ON_CHIP)
    step = CfCStep(eye, torch.zeros(3 * ON_CHIP), weight)
    for x, expected in zip(work.x.detach().cpu()[:, 0], y, strict=True):
        assert torch.allclose(torch.from_numpy(step(x.numpy()).copy()), expected, atol=1e-5)


@pytest.mark.slow
def test_more_elements_than_32_bits_count() -> None:
    """The last rows of a scan whose tensors have 2^31 elements and more."""
    if torch.cuda.mem_get_info()[0] < 60e9:
        pytest.skip("it needs 60 GB of memory that is free")
    hidden, steps, batch = 64, 4096, 2736
    x = torch.randn(steps, batch, 3 * hidden, device="cuda").requires_grad_()
    assert x.numel() > 2**31
    weight = torch.randn(3, hidden, hidden, device="cuda") / hidden**0.5
    y = cfc_scan(x, weight, precision="bf16")[0]
    dy = torch.randn_like(y)
    (dx,) = torch.autograd.grad(y, x, dy)
    last = slice(batch - 16, batch)
    alone = x.detach()[:, last].clone().requires_grad_()
    expected = cfc_scan(alone, weight, precision="bf16")[0]
    assert_near([y[:, last].detach()], [expected.detach()], limit=1e-3)
    (dx_alone,) = torch.autograd.grad(expected, alone, dy[:, last])
    assert_near([dx[:, last]], [dx_alone], limit=1e-3)
