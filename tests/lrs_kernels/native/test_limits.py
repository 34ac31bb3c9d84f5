"""What is multiplied in C, and the code for processors with shorter vectors than this one."""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lrs_kernels import cfc_scan, find_cell
from lrs_kernels.native import build, call
from lrs_kernels.native import limits as native_limits
from lrs_kernels.native.limits import limits
from lrs_kernels.ops import known
from tests.lrs_kernels.cases import (
    LAYERS,
    in_float32,
    make_arguments,
    needs_native,
    outputs_and_grads,
)

CFC = find_cell("cfc")
INF = float("inf")


@pytest.fixture(autouse=True)
def forget():
    """What one test compiles must not reach the next."""
    for found in (build.load_library, limits):
        found.cache_clear()
    yield
    for found in (build.load_library, limits):
        found.cache_clear()


def test_without_compiled_code_there_are_limits(monkeypatch):
    monkeypatch.setenv(build.DISABLED, "0")
    assert limits(CFC).hidden < float("inf")
    assert not limits(CFC).take_projection((3 * 512, 768))
    assert limits(CFC).take_projection((2, 256, 512))


@pytest.mark.parametrize(
    ("lanes", "intel", "hidden", "projection"),
    [(8, 0, 64, 131_072), (8, 1, 64, 131_072), (16, 0, INF, INF), (16, 1, 256, 262_144)],
)
def test_vectors_and_maker_of_the_processor_decide(monkeypatch, lanes, intel, hidden, projection):
    monkeypatch.setattr(native_limits, "lanes", lambda _: lanes)
    functions = SimpleNamespace(lrs_intel_f32=lambda: intel)
    monkeypatch.setattr(
        native_limits, "load_library", lambda _: SimpleNamespace(functions=functions)
    )
    assert limits(CFC)[::2] == (hidden, projection)


@needs_native
def test_the_code_knows_the_maker_of_the_processor():
    told = Path("/proc/cpuinfo")
    if not told.exists():
        pytest.skip("this system has no /proc/cpuinfo to compare with")
    functions = build.load_library(CFC).functions
    assert functions is not None
    assert bool(functions.lrs_intel_f32()) == ("GenuineIntel" in told.read_text())


@needs_native
@pytest.mark.skipif(platform.machine() != "x86_64", reason="vectors of other processors")
@pytest.mark.parametrize(("scan", "gates"), LAYERS)
@pytest.mark.parametrize("without", ["-mno-avx512f", "-mno-avx"], ids=["256 bits", "128 bits"])
def test_shorter_vectors_find_the_same(tmp_path, monkeypatch, scan, gates, without):
    arguments = make_arguments(scan, 4, 15, 21, gates, inputs=9, rank=3, density=0.5)
    want = outputs_and_grads(scan, arguments, backend="reference")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_FLAGS", (*build._FLAGS, without))
    got = outputs_and_grads(scan, arguments, backend="native")
    assert limits(find_cell(scan.__name__.removesuffix("_scan"))).hidden < float("inf")
    for ours, right in zip(got[0] + got[1], want[0] + want[1], strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-12)
    in_single = outputs_and_grads(scan, in_float32(arguments), backend="native")
    for ours, right in zip(in_single[0] + in_single[1], want[0] + want[1], strict=True):
        torch.testing.assert_close(ours.double(), right, rtol=1e-4, atol=1e-5)


class Library:
    """Stands for compiled code; counts its calls."""

    def __init__(self):
        self.called = 0

        def forward(told):
            self.called += 1

        self.lrs_forward_f64, self.lrs_backward_f64 = forward, forward
        self.lrs_packed_size_f64 = forward


@needs_native
def test_a_library_that_is_loaded_anew_is_the_one_that_is_called(monkeypatch):
    arguments = make_arguments(cfc_scan, 2, 3, 4, 3)
    cfc_scan(**arguments, backend="native")
    other = Library()
    for module in (call, known):
        monkeypatch.setattr(module, "load_library", lambda _: build.Library(other, ""))
    cfc_scan(**arguments, backend="native")
    assert other.called == 1
