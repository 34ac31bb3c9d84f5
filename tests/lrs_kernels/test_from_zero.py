"""A layer in the shapes of torch.nn, beside `recurrent_layer` with zeros and views."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import find_cell, recurrent_layer
from lrs_kernels.from_zero import layer_from_zero
from tests.lrs_kernels.cases import needs_native

pytestmark = needs_native
GATES = {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1}
HIDDEN, INPUTS, ROWS, STEPS = 6, 5, 3, 4


def arguments(cell, rank=2, mask=True, bias=True):
    """Weights of a layer that want gradients, by their names."""
    gates = GATES[cell]
    weight = torch.randn(gates, HIDDEN, HIDDEN) / 3
    if rank:
        weight = weight[..., :rank].clone(), weight[..., :rank, :].clone()
    given = {
        "weight_ih": torch.randn(gates * HIDDEN, INPUTS) / 3,
        "bias": torch.randn(gates * HIDDEN) if bias else None,
        "weight": weight,
    }
    for tensor in leaves(given):
        tensor.requires_grad_()
    given["mask"] = (torch.rand(gates, HIDDEN, HIDDEN) < 0.6).float() if mask else None
    if cell == "gru" and bias:
        given["bias_n"] = torch.randn(HIDDEN, requires_grad=True)
    return given


def leaves(given):
    """All tensors that want gradients."""
    flat = [p for part in given.values() for p in (part if isinstance(part, tuple) else (part,))]
    return [part for part in flat if part is not None and part.is_floating_point()]


def loss(y, states):
    """Looks at all of it, differently everywhere."""
    return (y * torch.linspace(0.5, 2, y.numel()).view(y.shape)).sin().sum() + sum(
        part.cos().sum() for part in states
    )


def by_views(cell, x, given, batch_first, backend="native"):
    """The same by `recurrent_layer`."""
    steps_first = x.transpose(0, 1) if batch_first else x
    y, states = recurrent_layer(cell, steps_first, backend=backend, **given)
    return y.transpose(0, 1) if batch_first else y, tuple(part.unsqueeze(0) for part in states)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("form", [{}, {"rank": None}, {"mask": False, "bias": False}])
@pytest.mark.parametrize("cell", GATES)
def test_it_is_the_layer_with_views_around_it_to_the_last_bit(cell, form, batch_first):
    given = arguments(cell, **form)
    shape = (ROWS, STEPS, INPUTS) if batch_first else (STEPS, ROWS, INPUTS)
    x = torch.randn(shape, requires_grad=True)
    mask = given["mask"]
    wanted = [x, *(part for part in leaves(given) if part is not mask)]
    ours = layer_from_zero(find_cell(cell), x, batch_first=batch_first, backend="native", **given)
    theirs = by_views(cell, x, given, batch_first)
    for mine, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
        assert torch.equal(mine, other) and mine.stride() == other.stride()
    got, want = (torch.autograd.grad(loss(*found), wanted) for found in (ours, theirs))
    assert all(map(torch.equal, got, want))
    with torch.no_grad():
        again = layer_from_zero(
            find_cell(cell), x, batch_first=batch_first, backend="native", **given
        )
    assert torch.equal(again[0], ours[0]) and not again[0].requires_grad


@pytest.mark.parametrize("cell", ["cfc", "lstm"])
def test_the_way_back_may_be_mapped_and_looked_at(cell):
    given, x = arguments(cell), torch.randn(ROWS, STEPS, INPUTS, requires_grad=True)
    wanted = [x, *(part for part in leaves(given) if part is not given["mask"])]
    y, states = layer_from_zero(find_cell(cell), x, batch_first=True, backend="native", **given)
    found = [y, *states]
    ups = [torch.randn(2, *part.shape) for part in found]

    def back(*up):
        return torch.autograd.grad(found, wanted, up, retain_graph=True)

    for k, mapped in enumerate(zip(*torch.func.vmap(back)(*ups), strict=True)):
        alone = back(*[up[k] for up in ups])
        assert len(mapped) == len(alone)
        for ours, right in zip(mapped, alone, strict=True):
            torch.testing.assert_close(ours, right)
    looked_at = torch.autograd.grad(found, wanted, [up[0] for up in ups], create_graph=True)
    for ours, right in zip(looked_at, back(*[up[0] for up in ups]), strict=True):
        torch.testing.assert_close(ours, right)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        looked_at[0].sum().backward()


@pytest.mark.parametrize("moved", [torch.clone, lambda kept: kept.contiguous().clone()])
def test_what_is_kept_may_come_back_elsewhere(moved):
    """As hooks do that keep tensors on another device, or compressed."""
    given, x = arguments("lstm"), torch.randn(ROWS, STEPS, INPUTS)
    wanted = [part for part in leaves(given) if part is not given["mask"]]

    def gradients():
        found = layer_from_zero(find_cell("lstm"), x, batch_first=True, backend="native", **given)
        return torch.autograd.grad(loss(*found), wanted)

    want = gradients()
    with torch.autograd.graph.saved_tensors_hooks(moved, lambda kept: kept):
        got = gradients()
    assert all(map(torch.equal, got, want))


def test_an_output_may_be_written_to():
    given, x = arguments("cfc"), torch.randn(ROWS, STEPS, INPUTS)
    y, _ = layer_from_zero(find_cell("cfc"), x, batch_first=True, backend="native", **given)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("backend", ["cpu", "reference", "auto"])
def test_other_backends_find_the_same(backend):
    given, x = arguments("gru"), torch.randn(ROWS, STEPS, INPUTS)
    ours = layer_from_zero(find_cell("gru"), x, batch_first=True, backend=backend, **given)
    torch.testing.assert_close(ours, by_views("gru", x, given, True))


def test_autocast_is_left_to_the_general_way():
    given, x = arguments("cfc"), torch.randn(ROWS, STEPS, INPUTS)
    with torch.autocast("cpu", torch.bfloat16):
        ours = layer_from_zero(find_cell("cfc"), x, batch_first=True, **given)
        theirs = by_views("cfc", x, given, True, backend="auto")
    assert torch.equal(ours[0], theirs[0])


@pytest.mark.parametrize(
    "changed",
    [
        {"bias": torch.zeros(7)},
        {"weight_ih": torch.zeros(18, 4)},
        {"weight": torch.zeros(3, 6, 5)},
        {"mask": torch.ones(3, 6, 5)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_does_not_fit_is_refused_in_the_same_sentence(changed):
    given, x = arguments("cfc") | changed, torch.randn(ROWS, STEPS, INPUTS)
    with pytest.raises(ValueError, match=next(iter(changed))) as ours:
        layer_from_zero(find_cell("cfc"), x, batch_first=True, **given)
    with pytest.raises(ValueError, match=next(iter(changed))) as theirs:
        by_views("cfc", x, given, True, backend="auto")
    assert str(ours.value) == str(theirs.value)
