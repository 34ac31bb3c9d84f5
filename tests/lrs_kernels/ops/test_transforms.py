"""The transforms of `torch.func` on every cell: as the reference, or refused in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vmap

from lrs_kernels import cfc_scan, gru_scan, lstm_scan
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC
from tests.lrs_kernels.cases import FORMS, LAYER_FORMS, Layer, make_scan, needs_native
from tests.lrs_kernels.told import overhear

BACKENDS = ["cpu", pytest.param("native", marks=needs_native)]


def tensors(scan, gates, members=None):
    """Everything real that a scan takes, without gradients; the reset flags of it apart."""
    made = make_scan(3, 2, 4, gates, members, rank=2, density=0.6, resets=True)
    lead = () if members is None else (members,)
    given = {"x": made["x_proj"], "w1": made["weight"][0], "w2": made["weight"][1]}
    if isinstance(scan, Layer):
        scan, given["x"] = scan.scan, torch.randn(*lead, 3, 2, 5)
        given["w_ih"], given["b_ih"] = (
            torch.randn(*lead, gates * 4, 5),
            torch.randn(*lead, gates * 4),
        )
    given["state"] = made["h0"]
    if scan is lstm_scan:
        given["cell"] = torch.randn(*lead, 2, 4)
    if scan is gru_scan:
        given["bias_n"] = torch.randn(*lead, 4)
    if scan is cfc_scan:
        given["timespans"] = torch.rand(*lead, 3, 2)
    flags = {"mask": made["mask"], "resets": made["resets"]}
    return {name: part.detach().double() for name, part in given.items()}, flags


def loss_of(scan, options, backend):
    """A scalar of all outputs, as a function of what wants gradients and what does not."""

    def loss(given, flags):
        rest = {name: given[name] for name in ("bias_n", "timespans") if name in given}
        state = (given["state"], given["cell"]) if "cell" in given else given["state"]
        entry = [given[name] for name in ("x", "w_ih", "b_ih") if name in given]
        y, final = scan(
            *entry, (given["w1"], given["w2"]), state, **rest, **flags, **options, backend=backend
        )
        finals = final if isinstance(final, tuple) else (final,)
        return y.square().sum() + sum(part.sin().sum() for part in finals)

    return loss


def assert_close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-11, msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("scan", "gates", "options"), [*FORMS, *LAYER_FORMS])
def test_gradients_by_grad_and_by_map(scan, gates, options, backend):
    given, flags = tensors(scan, gates)
    ours, theirs = loss_of(scan, options, backend), loss_of(scan, options, "reference")
    assert_close(grad(ours)(given, flags), grad(theirs)(given, flags))
    members, many_flags = tensors(scan, gates, 3)
    assert_close(vmap(grad(ours))(members, many_flags), vmap(grad(theirs))(members, many_flags))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("scan", "gates", "options"), [*FORMS, *LAYER_FORMS])
def test_maps_within_maps_over_populations_with_shared_parts(scan, gates, options, backend):
    population, flags = tensors(scan, gates, 2)
    shared = dict.fromkeys(population) | {"x": 1, "w1": 0}
    population["x"] = torch.stack([population["x"], population["x"] + 1], dim=1)
    population["w1"] = torch.stack([population["w1"], population["w1"] / 2])
    inner = dict.fromkeys(population) | {"state": -1}
    population["state"] = torch.stack([population["state"], -population["state"]], dim=-1)
    found = [
        vmap(vmap(grad(loss_of(scan, options, name)), (inner, None)), (shared, None))(
            population, flags
        )
        for name in (backend, "reference")
    ]
    assert_close(*found)
    total = [
        grad(lambda given, name=name: vmap(loss_of(scan, options, name), (shared, None))(
            {**given, "state": given["state"][..., 0]}, flags
        ).sum())(population)
        for name in (backend, "reference")
    ]  # fmt: skip
    assert_close(*total)


@pytest.mark.parametrize("backend", BACKENDS)
def test_reverse_jacobians(backend):
    given, flags = tensors(lstm_scan, 4)

    def outputs(x, name):
        y, (h, c) = lstm_scan(
            x, (given["w1"], given["w2"]), (given["state"], given["cell"]), **flags, backend=name
        )
        return y, h, c

    ours, theirs = (jacrev(outputs)(given["x"], name) for name in (backend, "reference"))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("scan", "gates", "options"), [*FORMS, *LAYER_FORMS])
def test_forward_mode_and_second_derivatives_by_auto_are_right(scan, gates, options):
    given, flags = tensors(scan, gates)

    def loss(x, backend="auto"):
        return loss_of(scan, options, backend)({**given, "x": x}, flags)

    x, tangent = given["x"], torch.randn_like(given["x"])
    slope = (grad(loss)(x) * tangent).sum()
    assert slope.abs() > 1e-3
    torch.testing.assert_close(jvp(loss, (x,), (tangent,))[1], slope)
    torch.testing.assert_close(jacfwd(loss)(x), grad(loss)(x))
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(loss(forward_ad.make_dual(x, tangent)))
    torch.testing.assert_close(dual.tangent, slope)
    forward = torch.autograd.functional.jacobian(loss, x, vectorize=True, strategy="forward-mode")
    torch.testing.assert_close(forward, grad(loss)(x))
    curvature = hessian(loss)(x)
    torch.testing.assert_close(curvature, hessian(lambda x: loss(x, "reference"))(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_cannot_be_derived_is_refused_in_one_sentence(backend):
    given, flags = tensors(cfc_scan, 3)

    def loss(x):
        return loss_of(cfc_scan, {}, backend)({**given, "x": x}, flags)

    x = given["x"]
    with pytest.raises(RuntimeError, match="no forward-mode derivatives; pass backend='reference'"):
        jvp(loss, (x,), (x,))
    with pytest.raises(RuntimeError, match="pass backend='reference' to differentiate twice"):
        grad(lambda x: grad(loss)(x).square().sum())(x)
    with pytest.raises(RuntimeError, match=r"use torch\.func\.jacrev or vmap"):
        torch.autograd.functional.jacobian(
            lambda x: cfc_scan(x, given["w1"] @ given["w2"], backend=backend)[0], x, vectorize=True
        )


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_a_mask_that_requires_a_gradient_is_refused_but_by_the_reference(backend):
    given, flags = tensors(cfc_scan, 3)
    mask = flags["mask"]

    def of_mask(mask, name=backend):
        return loss_of(cfc_scan, {}, name)(given, {**flags, "mask": mask})

    message = "mask requires a gradient, and the fast scans give it none: detach it, or pass"
    with pytest.raises(ValueError, match=message):
        of_mask(mask.clone().requires_grad_())
    with pytest.raises(ValueError, match=message):
        grad(of_mask)(mask)
    assert grad(of_mask)(mask, "reference").any()
    with torch.no_grad():
        of_mask(mask.clone().requires_grad_())


LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]


def modelled(kind, seed=0):
    torch.manual_seed(seed)
    return kind(3, 4, rank=2, sparsity=0.5).double()


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_single_samples_of_an_unchanged_layer(kind):
    layer = modelled(kind)
    parameters = {name: part.detach() for name, part in layer.named_parameters()}
    x = torch.randn(5, 6, 3, dtype=torch.float64)  # (T, B, I)

    def loss(parameters, row):
        return functional_call(layer, parameters, (row.unsqueeze(1),))[0].square().sum()

    found = vmap(grad(loss), (None, 1))(parameters, x)
    for b in range(6):
        layer.zero_grad()
        layer(x[:, b : b + 1])[0].square().sum().backward()
        for name, part in layer.named_parameters():
            torch.testing.assert_close(found[name][b], part.grad, rtol=0, atol=1e-12)


@needs_native
@pytest.mark.parametrize("kind", LAYERS)
def test_an_ensemble_by_vmap_is_one_call_of_the_population_kernel(kind, monkeypatch):
    layers = [modelled(kind, seed) for seed in range(3)]
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    alone = []
    for layer in layers:
        layer(x)[0].square().sum().backward()
        alone.append({name: part.grad for name, part in layer.named_parameters()})
    parameters, buffers = stack_module_state(layers)
    heard = overhear(monkeypatch)

    def run(parameters, buffers):
        return functional_call(layers[0], (parameters, buffers), (x,))[0].square().sum()

    vmap(run)(parameters, buffers).sum().backward()
    calls = [(name, told["members"]) for name, told in heard]
    assert calls == [("forward", 3), ("backward", 3)]
    for p, grads in enumerate(alone):
        for name, part in grads.items():
            torch.testing.assert_close(parameters[name].grad[p], part, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("scan", "gates", "options"), [*FORMS, *LAYER_FORMS])
@pytest.mark.parametrize("members", [None, 2])
def test_tensors_without_memory_never_reach_c(scan, gates, options, members):
    given, flags = tensors(scan, gates, members)
    run = loss_of(scan, options, "auto")
    with FakeTensorMode() as mode:
        fake = {name: mode.from_tensor(part).requires_grad_() for name, part in given.items()}
        loss = run(fake, {name: mode.from_tensor(part) for name, part in flags.items()})
        loss.backward()
        assert all(part.grad.shape == given[name].shape for name, part in fake.items())
    meta = {name: part.to("meta").requires_grad_() for name, part in given.items()}
    loss = run(meta, {name: part.to("meta") for name, part in flags.items()})
    loss.backward()
    assert loss.is_meta and all(part.grad.shape == given[name].shape for name, part in meta.items())
