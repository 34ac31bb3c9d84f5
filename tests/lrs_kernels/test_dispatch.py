"""Which backend runs, why, and that it is said."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from lrs_kernels import cfc_scan, dispatch, explain, find_cell
from lrs_kernels.registry import cells
from tests.lrs_kernels.cases import make_scan


@pytest.fixture(autouse=True)
def forget():
    dispatch.choose.cache_clear()
    dispatch.has_triton.cache_clear()
    yield
    dispatch.choose.cache_clear()
    dispatch.has_triton.cache_clear()


def test_a_choice_is_logged_once(caplog):
    with caplog.at_level("INFO", logger="lrs_kernels"):
        for _ in range(3):
            cfc_scan(**make_scan(2, 1, 3, 3), backend="cpu")
    assert [record.message for record in caplog.records] == [
        "cfc scan on cpu runs on 'cpu': asked for"
    ]


def test_the_pure_mode_says_that_it_is_slow(caplog):
    made = make_scan(2, 1, 3, 1)
    with caplog.at_level("INFO", logger="lrs_kernels"):
        cfc_scan(
            **made, mode="pure", w_tau=torch.zeros(3).double(), amplitude=torch.ones(3).double()
        )
    assert "runs on 'reference': the variant 'pure' has no hand-written passes" in caplog.text


@pytest.mark.parametrize(
    ("backend", "variant", "device", "message"),
    [
        ("gpu", "paper", "cpu", "backend is 'gpu', expected one of auto, triton"),
        (
            "cpu",
            "pure",
            "cpu",
            "'pure' has no hand-written passes; pass backend='auto'",
        ),
        ("native", "paper", "cuda", "it runs on the CPU, but the inputs are on cuda"),
        ("triton", "pure", "cuda", "the variant 'pure' has no hand-written passes"),
    ],
)
def test_what_cannot_be_is_refused(backend, variant, device, message):
    with pytest.raises(ValueError, match=message):
        dispatch.choose(backend, find_cell("cfc"), variant, device)


@pytest.mark.parametrize(
    ("present", "backend", "reason"),
    [(True, "triton", "on a GPU"), (False, "cpu", "because Triton is not installed")],
)
def test_on_a_gpu(monkeypatch, present, backend, reason):
    monkeypatch.setattr(dispatch, "has_triton", lambda: present)
    choice = dispatch.choose("auto", find_cell("lstm"), "standard", "cuda")
    assert choice.backend == backend and reason in choice.reason


@pytest.mark.parametrize("setting", [None, "0"])
def test_kernels_without_a_gpu_need_the_interpreter(monkeypatch, setting):
    monkeypatch.setattr(dispatch, "has_triton", lambda: True)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    if setting is not None:
        monkeypatch.setenv("TRITON_INTERPRET", setting)
    with pytest.raises(ValueError, match="on the device 'cpu', and TRITON_INTERPRET is not 1"):
        dispatch.choose("triton", find_cell("cfc"), "paper", "cpu")


def test_explain_has_a_line_for_every_cell():
    lines = explain("cpu").splitlines()
    names = [line.split(":")[0] for line in lines]
    # Cells of the tests' own may stand beside them.
    assert [n for n in names if n.split()[0] in ("cfc", "gru", "lstm", "rnn")] == [
        "cfc", "cfc pure", "gru", "lstm", "rnn",
    ]  # fmt: skip
    assert {name.split()[0] for name in names} == set(cells())


WITHOUT_TRITON = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "triton" else find_spec(name, *rest)
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "triton":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
import torch, lrs_kernels
x = torch.randn(4, 2, 9, requires_grad=True)
y, h = lrs_kernels.cfc_scan(x, torch.randn(3, 3, 3))
y.sum().backward()
assert x.grad.isfinite().all() and "triton" not in sys.modules
try:
    lrs_kernels.cfc_scan(x, torch.randn(3, 3, 3), backend="triton")
except ValueError as error:
    print(error)
"""


def test_everything_runs_where_triton_is_absent():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TRITON], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "backend 'triton' cannot run this cfc scan: Triton is not installed" in done.stdout
