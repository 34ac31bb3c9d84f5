"""How to add a cell of one's own: a step, a descriptor, and everything else comes by itself.

The cell is the minimal gated unit (MGU; Zhou et al. 2016), with two recurrent matrices, F and N:

    f = sigmoid(x_F + W_F h),    n = tanh(x_N + W_N (f h)),    h' = (1 - f) h + f n.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from lrs_kernels import Cell, Extra, Variant, cells, explain, find_cell, recurrent_scan, registry
from lrs_kernels.registry import register_cell
from tests.lrs_kernels.cases import leaves, make_scan


def mgu_step(x, recur, states, extras):
    """One step; `recur` multiplies a state by all matrices, `(P, B, H)` to `(P, B, 2H)`."""
    (h,) = states
    x_f, x_n = x.chunk(2, dim=-1)
    f = torch.sigmoid(x_f + recur(h).chunk(2, dim=-1)[0])
    n = torch.tanh(x_n + recur(f * h).chunk(2, dim=-1)[1])
    return ((1 - f) * h + f * n,)


MGU = Cell("mgu", variants={"standard": Variant(mgu_step, gates=(2,))})


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Registered for these tests alone; a package would call `register_cell` where it is made."""
    monkeypatch.setattr(registry, "_cells", dict(registry._cells))
    register_cell(MGU)


def made(members=None, **options):
    """Arguments in the names of `recurrent_scan`."""
    arguments = make_scan(4, 3, 5, 2, members, **options)
    arguments["states"] = (arguments.pop("h0"),)
    return arguments


def by_hand(x_proj, weight, states, mask=None, resets=None):
    """The equations for one model, gate by gate."""
    w = weight[0] @ weight[1] if isinstance(weight, tuple) else weight
    w_f, w_n = w if mask is None else w * mask
    (h,), outputs = states, []
    for t, x in enumerate(x_proj):
        if resets is not None:
            h = h * (~resets[t])[:, None]
        x_f, x_n = x.split(5, dim=-1)
        f = torch.sigmoid(x_f + h @ w_f.T)
        h = (1 - f) * h + f * torch.tanh(x_n + (f * h) @ w_n.T)
        outputs.append(h)
    return torch.stack(outputs)


OPTIONS = [
    {"rank": rank, "density": density, "resets": resets}
    for rank, density, resets in product((None, 2), (None, 0.5), (False, True))
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_masks_factors_and_resets_come_by_themselves(options):
    arguments = made(**options)
    y, (h_n,) = recurrent_scan("mgu", **arguments)
    want = by_hand(**arguments)
    torch.testing.assert_close(y, want, rtol=0, atol=1e-13)
    assert torch.equal(h_n, y[-1])
    grads = torch.autograd.grad(y.square().sum(), leaves(arguments))
    wanted = torch.autograd.grad(want.square().sum(), leaves(arguments))
    for ours, theirs in zip(grads, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_population_equals_its_members_alone():
    arguments = made(members=3, rank=2, density=0.5, resets=True)
    together, _ = recurrent_scan("mgu", **arguments)
    for p in range(3):
        alone = {
            name: tuple(part[p] for part in value) if isinstance(value, tuple) else value[p]
            for name, value in arguments.items()
        }
        torch.testing.assert_close(together[p], by_hand(**alone), rtol=0, atol=1e-13)


def test_gradients_in_float64():
    arguments = made(rank=2)

    def run(x_proj, w1, w2, h0):
        return recurrent_scan(MGU, x_proj, (w1, w2), (h0,))[0]

    assert torch.autograd.gradcheck(run, leaves(arguments))


def test_initial_states_are_zeros_unless_given():
    arguments = made()
    arguments.pop("states")
    zeros = (torch.zeros(3, 5, dtype=torch.float64),)
    assert torch.equal(
        recurrent_scan(MGU, **arguments)[0], recurrent_scan(MGU, **arguments, states=zeros)[0]
    )


def test_transforms_and_compilation_come_too():
    arguments = {name: value for name, value in made().items() if name != "states"}

    def loss(weight, x_proj):
        return recurrent_scan(MGU, x_proj, weight)[0].square().sum()

    weight, x_proj = arguments["weight"].detach(), arguments["x_proj"].detach()
    want = torch.func.grad(loss)(weight, x_proj)
    several = torch.func.vmap(torch.func.grad(loss), (None, 0))(weight, x_proj[None])
    torch.testing.assert_close(several[0], want)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(weight, x_proj), loss(weight, x_proj))


def test_it_is_listed_and_says_that_the_reference_runs(caplog):
    assert "mgu: reference (the cell has no hand-written passes)" in explain("cpu").splitlines()
    assert cells()["mgu"] is find_cell("mgu") is MGU
    with caplog.at_level("INFO", logger="lrs_kernels"):
        recurrent_scan("mgu", **made(), backend="auto")
    # A choice is logged once for a process, so it may have been before.
    assert caplog.text == "" or "mgu scan on cpu runs on 'reference'" in caplog.text


@pytest.mark.parametrize("backend", ["cpu", "native", "triton"])
def test_a_backend_that_it_does_not_have_is_refused_in_one_sentence(backend):
    message = f"backend '{backend}' cannot run this mgu scan: the cell has no hand-written passes"
    with pytest.raises(ValueError, match=message):
        recurrent_scan("mgu", **made(), backend=backend)


def test_an_extra_input_is_declared_with_its_axes():
    def leaky(x, recur, states, extras):
        (h,) = mgu_step(x, recur, states, extras)
        return (h + extras["leak"] * (states[0] - h),)

    cell = Cell("leaky", {"standard": Variant(leaky, (2,), {"leak": Extra("H", required=True)})})
    arguments = made()
    none = recurrent_scan(cell, **arguments, leak=torch.zeros(5).double())[0]
    assert torch.equal(none, recurrent_scan(MGU, **arguments)[0])
    with pytest.raises(ValueError, match="variant 'standard' of leaky needs leak"):
        recurrent_scan(cell, **arguments)
    with pytest.raises(ValueError, match=r"leak has shape \(4,\), expected \(5,\)"):
        recurrent_scan(cell, **arguments, leak=torch.zeros(4).double())
    with pytest.raises(ValueError, match="of mgu takes no extra input, got leak"):
        recurrent_scan(MGU, **arguments, leak=torch.zeros(5).double())


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="there is a cell 'mgu' already"):
        register_cell(replace(MGU))
    with pytest.raises(ValueError, match=r"cell is 'mgru', expected one of .*; register_cell adds"):
        recurrent_scan("mgru", **made())
    with pytest.raises(ValueError, match="variant of mgu is 'fast', expected one of standard"):
        recurrent_scan("mgu", **made(), variant="fast")
    with pytest.raises(ValueError, match="2 states for mgu, expected 1"):
        recurrent_scan("mgu", **made() | {"states": made()["states"] * 2})
    with pytest.raises(ValueError, match="do not know leak; give it by_hand=False"):
        Cell("x", {"a": Variant(mgu_step, (2,), {"leak": Extra("H")})}, cpu="some.module")
