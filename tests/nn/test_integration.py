"""What PyTorch users do with a layer: autocast, compile, several processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch
from gymnasium.spaces import Box

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, build_policy
from tests.selection import always

LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]


@pytest.mark.parametrize("layer_class", LAYERS)
def test_autocast(layer_class):
    layer = layer_class(4, 8, rank=2, sparsity=0.3)
    x = torch.randn(6, 2, 4)
    exact = layer(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x)
        loss = y.float().square().sum()
    loss.backward()
    torch.testing.assert_close(y.float(), exact, rtol=0, atol=0.05)
    for parameter in layer.parameters():
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("layer_class", LAYERS)
def test_bfloat16_and_back(layer_class):
    layer = layer_class(4, 8, num_layers=2, rank=2, sparsity=0.3)
    x = torch.randn(6, 2, 4)
    exact = layer(x)[0]
    y, state = layer.bfloat16()(x.bfloat16())
    assert y.dtype == torch.bfloat16
    parts = (state,) if isinstance(state, torch.Tensor) else state
    assert all(part.dtype == torch.bfloat16 for part in parts)
    torch.testing.assert_close(y.float(), exact, rtol=0, atol=0.05)


@pytest.mark.parametrize("layer_class", always(LAYERS, {LRSCfC, LRSLSTM}.__contains__))
def test_compile_without_graph_breaks(layer_class):
    torch._dynamo.reset()
    layer = layer_class(4, 8, rank=2, sparsity=0.3)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(6, 2, 4)
    resets = torch.rand(6, 2) < 0.3
    for steps in (6, 4):
        expected = layer(x[:steps], resets=resets[:steps])[0]
        y = compiled(x[:steps], resets=resets[:steps])[0]
        torch.testing.assert_close(y, expected)
        wanted = torch.autograd.grad(expected.square().sum(), list(layer.parameters()))
        got = torch.autograd.grad(y.square().sum(), list(layer.parameters()))
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "cfc"},
        {"name": "cfc", "gate": "frozen"},
        {"name": "cfc", "control": "truncated"},
        {"name": "cfc", "control": "pruned"},
    ],
    ids=str,
)
def test_compile_a_policy_without_graph_breaks(settings):
    torch._dynamo.reset()
    spaces = Box(-1, 1, (5,)), Box(-1, 1, (2,))
    policy = build_policy({"core": settings | {"hidden_size": 12, "rank": 3}}, *spaces).eval()
    compiled = torch.compile(policy.unroll, fullgraph=True, backend="aot_eager")
    window, resets = torch.randn(3, 5, 5), torch.rand(3, 5) < 0.3
    torch.testing.assert_close(
        compiled(window, resets=resets), policy.unroll(window, resets=resets)
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Fresh processes: a fork would inherit locks that other tests' threads hold.
TRAIN_ONE_SHARE = """
import sys
from datetime import timedelta
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from lrs_lightning.nn import LRSCfC

rank, port, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
limit = timedelta(seconds=120)
store = dist.TCPStore("127.0.0.1", port, 2, is_master=rank == 0, timeout=limit)
dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=limit)
torch.manual_seed(0)
layer = LRSCfC(4, 8, rank=2, sparsity=0.3)
inputs = torch.randn(6, 2, 4)
wrapped = DistributedDataParallel(layer)  # must outlive backward, which calls its hooks
wrapped(inputs[:, rank : rank + 1])[0].square().mean().backward()
torch.save({name: p.grad for name, p in layer.named_parameters()}, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.long
def test_two_processes_share_gradients(tmp_path):
    words = [sys.executable, "-c", TRAIN_ONE_SHARE]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    port = free_port()
    ranks = [
        subprocess.Popen([*words, str(rank), str(port), str(tmp_path)], env=environment)
        for rank in range(2)
    ]
    assert [process.wait(timeout=200) for process in ranks] == [0, 0]
    torch.manual_seed(0)
    layer = LRSCfC(4, 8, rank=2, sparsity=0.3)
    inputs = torch.randn(6, 2, 4)
    layer(inputs)[0].square().mean().backward()
    for rank in range(2):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(shared[name], parameter.grad)
