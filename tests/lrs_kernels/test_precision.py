"""One knob for all products."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels.precision import products, resolve


@pytest.mark.parametrize(
    ("asked", "device", "dtype", "setting", "expected"),
    [
        (None, "cpu", torch.float32, "medium", "ieee"),
        ("bf16", "cpu", torch.float32, "highest", "ieee"),
        ("bf16", "cuda", torch.float64, "highest", "ieee"),
        ("tf32x3", "cuda", torch.float32, "highest", "tf32x3"),
        (None, "cuda", torch.float32, "highest", "ieee"),
        (None, "cuda", torch.float32, "high", "tf32"),
        (None, "cuda", torch.float32, "medium", "bf16"),
        (None, "cuda", torch.bfloat16, "highest", "bf16"),
        ("ieee", "cuda", torch.bfloat16, "highest", "ieee"),
        (None, "cpu", torch.bfloat16, "highest", "ieee"),
    ],
)
def test_who_decides(monkeypatch, asked, device, dtype, setting, expected):
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: setting)
    assert resolve(asked, device, dtype) == expected


def test_the_newer_interface_of_torch_is_understood():
    matmul, before = torch.backends.cuda.matmul, torch.backends.cuda.matmul.fp32_precision
    matmul.fp32_precision = "tf32"
    try:
        assert resolve(None, "cuda", torch.float32) == "tf32"
    finally:
        matmul.fp32_precision = before


def test_autocast_decides_where_nobody_asked():
    with torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_available()):
        expected = "bf16" if torch.cuda.is_available() else "ieee"
        assert resolve(None, "cuda", torch.float32) == expected


@pytest.mark.parametrize(
    ("precision", "setting"),
    [("ieee", "ieee"), ("tf32x3", "ieee"), ("tf32", "tf32"), ("bf16", "tf32")],
)
def test_the_products_after_the_kernel_follow_it(precision, setting):
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    with products(precision, "cuda"):
        assert matmul.fp32_precision == setting
    assert matmul.fp32_precision == before
    with pytest.raises(KeyError), products(precision, "cuda"):
        raise KeyError
    assert matmul.fp32_precision == before
    with products(precision, "cpu"):
        assert matmul.fp32_precision == before
