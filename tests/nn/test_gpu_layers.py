"""Layers on a GPU: sequences of different lengths as on a CPU; times between steps in a graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, LRSLayer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
STEPS, BATCH, INPUTS, HIDDEN = 30, 32, 20, 48
LENGTHS = {
    "each another one": torch.arange(BATCH).remainder(STEPS - 4) + 1,  # with its padding
    "two": torch.tensor([STEPS, 3]).repeat(BATCH // 2),
    "one": torch.full((BATCH,), STEPS - 7),
}


def run(layer: LRSLayer, x: Tensor, lengths: Tensor | list[int]) -> list[Tensor]:
    """Output, states, and the gradients of the input and of all parameters."""
    x = x.detach().to(next(layer.parameters()).device).requires_grad_()
    y, state = layer(x, lengths=lengths)
    parts = [y, *(state if isinstance(state, tuple) else (state,))]
    loss = sum((part * (k + 1)).square().sum() for k, part in enumerate(parts))
    gradients = torch.autograd.grad(loss, [x, *layer.parameters()])  # type: ignore[arg-type]
    return [part.detach().cpu() for part in (*parts, *gradients)]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 2e-3)])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", [LRSCfC, LRSLSTM, LRSGRU, LRSRNN])
def test_a_gpu_gives_what_a_cpu_gives(kind, lengths, dtype, tolerance):
    torch.manual_seed(0)
    layer = kind(INPUTS, HIDDEN, num_layers=2, rank=8, sparsity=0.5, dtype=dtype)
    x, ends = torch.randn(STEPS, BATCH, INPUTS, dtype=dtype), LENGTHS[lengths]
    x[torch.arange(STEPS)[:, None] >= ends] = torch.nan
    expected = run(layer, x, ends)
    layer = layer.to("cuda")
    for given in (ends, ends.cuda(), ends.tolist()):
        for ours, theirs in zip(run(layer, x, given), expected, strict=True):
            assert bool(ours.isfinite().all())
            error = float((ours - theirs).norm() / theirs.norm().clamp(min=1e-30))
            assert error < tolerance


def test_a_graph_takes_times_between_steps():
    torch.manual_seed(0)
    layer = LRSCfC(INPUTS, HIDDEN, rank=8, sparsity=0.5, device="cuda")
    x = torch.randn(STEPS, BATCH, INPUTS, device="cuda")
    times = torch.rand(STEPS, BATCH, device="cuda")

    def update() -> list[Tensor]:
        y, _ = layer(x, timespans=times)
        return list(torch.autograd.grad(y.square().sum(), list(layer.parameters())))

    beside = torch.cuda.Stream()
    with torch.cuda.stream(beside):
        update()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = update()
    times.copy_(torch.rand_like(times))  # others than those that were recorded
    graph.replay()
    torch.testing.assert_close(found, update(), rtol=1e-5, atol=1e-5)
