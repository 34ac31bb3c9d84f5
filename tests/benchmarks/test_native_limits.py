"""The section `native-limits`: each side multiplies what its name says, and all is put back."""

from __future__ import annotations

import pytest
import torch

from benchmarks import native_limits
from lrs_kernels import find_cell
from lrs_kernels.native.limits import limits
from lrs_lightning.nn import LRSCfC
from tests.lrs_kernels.cases import needs_native
from tests.lrs_kernels.told import overhear

CFC = find_cell("cfc")


@needs_native
@pytest.mark.parametrize(
    ("way", "summed"),
    [
        ("C", {"dw1", "dw_ih"}),
        ("recurrent", {"dw_ih"}),
        ("projection", {"dw1"}),
        ("both", set()),
    ],
)
def test_limits_decide_what_c_sums(monkeypatch, way, summed):
    heard = overhear(monkeypatch)
    layer, before = LRSCfC(5, 8, rank=2), limits(CFC)
    with native_limits.under(native_limits.WAYS[way]):
        layer(torch.randn(3, 2, 5))[0].sum().backward()
    assert {field for field in ("dw1", "dw_ih") if heard[-1].fields[field]} == summed
    assert limits(CFC) == before


@needs_native
def test_smoke_measures_and_stores_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(native_limits, "RESULTS", tmp_path)
    native_limits.main(["--smoke"])
    assert "cell LSTM" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
