"""The peer flashrnn: left out with a reason, or given its arguments as it asks for them."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import torch

from benchmarks import kernel_flashrnn, kernels
from lrs_kernels import lstm_scan


def like_flashrnn(gates, weight, bias, function, backend, dtype):
    """Its contract: gates (B, T, G, heads, H) to states (2, B, T, heads, H), all in one dtype."""
    assert (function, backend, dtype) == ("lstm", "triton_fused", "bfloat16")
    assert gates.dtype == weight.dtype == bias.dtype == torch.bfloat16
    batch, steps, count, heads, hidden = gates.shape
    assert weight.shape == (count, heads, hidden, hidden)
    assert bias.shape == (count, heads, hidden)
    x_proj = (gates + bias).float().transpose(0, 1).reshape(steps, batch, count * hidden)
    y = lstm_scan(x_proj, weight[:, 0].float())[0].bfloat16()
    states = torch.stack([y, torch.full_like(y, torch.nan)]).transpose(1, 2).unsqueeze(3)
    return states, states[:, :, -1:]


def test_the_layer_is_an_lstm(monkeypatch):
    monkeypatch.setitem(sys.modules, "flashrnn", SimpleNamespace(flashrnn=like_flashrnn))
    layer = kernel_flashrnn.FlashLSTM(5, 16)
    layer.bias.data.normal_()
    x = torch.randn(7, 3, 5)
    x_proj = x @ layer.input_weight.mT + layer.bias.flatten()
    want = lstm_scan(x_proj, layer.weight[:, 0])[0]
    y = layer(x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, want, rtol=0, atol=2e-2)
    assert kernel_flashrnn.failure(layer, x) is None
    assert all(part.grad is not None for part in layer.parameters())


def test_a_size_it_does_not_fit_is_told():
    def too_large(_):
        raise RuntimeError("out of resource: shared memory")

    told = kernel_flashrnn.failure(too_large, torch.zeros(1))
    assert told == "RuntimeError: out of resource: shared memory"


def test_what_keeps_it_away_is_named(monkeypatch):
    assert kernel_flashrnn.why_not("cpu") == "it needs a CUDA GPU"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install flashrnn" in kernel_flashrnn.why_not("cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "flashrnn", None)  # so Python refuses to import it
    assert kernel_flashrnn.why_not("cuda").startswith("it cannot be imported")


def test_a_run_says_that_it_is_left_out(tmp_path, capsys):
    arguments = ["--smoke", "--modes", "forward", "--cells", "lstm", "--device", "cpu"]
    kernels.main([*arguments, "--out", str(tmp_path / "k.csv")])
    assert "flashrnn is left out: it needs a CUDA GPU" in capsys.readouterr().out
