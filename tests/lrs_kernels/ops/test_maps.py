"""Scans under `vmap` alone: as a call for each member, with gradients by ordinary `backward`."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import vmap

from lrs_kernels import cfc_scan, rnn_scan
from lrs_kernels.native import scan as native
from lrs_kernels.ops.surroundings import transformed
from tests.lrs_kernels.cases import FORMS, LAYER_FORMS, needs_native
from tests.lrs_kernels.ops.test_transforms import BACKENDS, assert_close, loss_of, tensors

EVERY_FORM = pytest.mark.parametrize(("scan", "gates", "options"), [*FORMS, *LAYER_FORMS])


def gradients(loss, given):
    """Of a total of losses, with respect to all that was given."""
    leaves = {name: part.clone().requires_grad_() for name, part in given.items()}
    loss(leaves).sum().backward()
    return {name: part.grad for name, part in leaves.items()}


@pytest.mark.parametrize("backend", BACKENDS)
@EVERY_FORM
def test_a_map_is_a_call_for_each_member(scan, gates, options, backend):
    given, flags = tensors(scan, gates, 3)
    ours, plain = loss_of(scan, options, backend), loss_of(scan, options, "reference")

    def alone(leaves):
        members = [{name: part[p] for name, part in leaves.items()} for p in range(3)]
        own = [{name: part[p] for name, part in flags.items()} for p in range(3)]
        return torch.stack([plain(*member) for member in zip(members, own, strict=True)])

    def mapped(leaves):
        return vmap(ours)(leaves, flags)

    torch.testing.assert_close(mapped(given), alone(given))
    assert_close(gradients(mapped, given), gradients(alone, given))


@pytest.mark.parametrize("backend", BACKENDS)
@EVERY_FORM
def test_maps_within_maps_with_parts_that_some_do_not_map(scan, gates, options, backend):
    population, flags = tensors(scan, gates, 2)
    outer = dict.fromkeys(population) | {"x": 1, "w1": 0}
    population["x"] = torch.stack([population["x"], population["x"] + 1, population["x"] * 2], 1)
    population["w1"] = torch.stack([population["w1"], population["w1"] / 2, -population["w1"]])
    inner = dict.fromkeys(population) | {"state": -1}
    population["state"] = torch.stack([population["state"], -population["state"]], dim=-1)

    def mapped(backend):
        loss = loss_of(scan, options, backend)
        return lambda leaves: vmap(vmap(loss, (inner, None)), (outer, None))(leaves, flags)

    assert mapped(backend)(population).shape == (3, 2)
    ours, theirs = (gradients(mapped(name), population) for name in (backend, "reference"))
    assert_close(ours, theirs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_map_of_nothing_that_the_scan_takes(backend):
    given, flags = tensors(cfc_scan, 3)
    loss = loss_of(cfc_scan, {}, backend)
    found = vmap(lambda scale: scale * loss(given, flags))(torch.arange(3.0).double())
    torch.testing.assert_close(found, torch.arange(3.0).double() * loss(given, flags))


@needs_native
@pytest.mark.parametrize("wanted", [True, False])
def test_only_what_a_gradient_needs_is_kept(wanted, monkeypatch):
    given, _ = tensors(rnn_scan, 1, 3)
    saves = []
    original = native.forward

    def noting(recurrence, inputs, save, save_time):
        saves.append(save)
        return original(recurrence, inputs, save, save_time)

    monkeypatch.setattr(native, "forward", noting)
    x = given["x"].requires_grad_(wanted)
    mapped = vmap(lambda x, w1, w2: rnn_scan(x, (w1, w2), backend="native")[0])
    assert mapped(x, given["w1"], given["w2"]).requires_grad == wanted
    with torch.no_grad():
        assert not mapped(x, given["w1"], given["w2"]).requires_grad
    assert saves == [wanted, False]


@needs_native
def test_an_error_leaves_the_transforms_as_they_were(monkeypatch):
    given, _ = tensors(rnn_scan, 1, 3)

    def mapped():
        one = vmap(lambda x, w1, w2: rnn_scan(x, (w1, w2), backend="native")[0])
        return one(given["x"], given["w1"], given["w2"])

    expected = mapped()
    with monkeypatch.context() as patched:

        def fail(*arguments):
            raise MemoryError("none left")

        patched.setattr(native, "forward", fail)
        with pytest.raises(MemoryError, match="none left"):
            vmap(lambda _: mapped())(torch.zeros(2))
    assert not transformed()
    torch.testing.assert_close(mapped(), expected, rtol=0, atol=0)


def test_the_mask_of_a_map_has_no_gradient_either():
    given, flags = tensors(rnn_scan, 1, 3)
    mask = nn.Parameter(flags["mask"].double())

    def one(x, w1, w2, mask):
        return rnn_scan(x, (w1, w2), mask=mask, backend="cpu")[0]

    with pytest.raises(ValueError, match="mask requires a gradient"):
        vmap(one)(given["x"], given["w1"], given["w2"], mask)
