"""The prior at initialisation: factors, masks, and that training leaves the mask alone."""

from __future__ import annotations

import copy

import pytest
import torch

from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, Connectivity, LRSCfC, truncate_layer
from lrs_lightning.nn.connectivity import haar, orthogonal_factors, truncated_factors

LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]


@pytest.mark.parametrize("shape", [(6, 6), (9, 5), (5, 9), (1, 1)])
def test_haar_is_orthogonal(shape):
    torch.set_default_dtype(torch.float64)
    try:
        q = haar(*shape)
    finally:
        torch.set_default_dtype(torch.float32)
    small = q.T @ q if shape[0] >= shape[1] else q @ q.T
    torch.testing.assert_close(small, torch.eye(min(shape), dtype=torch.float64))


def test_haar_has_no_preferred_sign():
    # QR with LAPACK's signs would give a diagonal that is negative on average.
    draws = torch.stack([haar(3, 3).diagonal() for _ in range(2000)])
    assert draws.mean(0).abs().max() < 0.05  # five standard errors of 0.577 / sqrt(2000)


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (7, 3), (12, 12)])
def test_product_is_the_truncated_svd_of_a_glorot_matrix(n, rank):
    matrix = torch.randn(n, n, dtype=torch.float64)
    w1, w2 = truncated_factors(matrix, rank)
    u, sigma, v = torch.linalg.svd(matrix)
    expected = u[:, :rank] @ torch.diag(sigma[:rank]) @ v[:rank]
    torch.testing.assert_close(w1 @ w2, expected, rtol=0, atol=1e-12)
    # Both factors carry the root of the singular values.
    torch.testing.assert_close(w1.T @ w1, torch.diag(sigma[:rank]), rtol=0, atol=1e-12)
    torch.testing.assert_close(w2 @ w2.T, torch.diag(sigma[:rank]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rows", "columns", "rank"), [(8, 8, 3), (8, 8, 8), (9, 5, 2), (5, 9, 4)])
def test_orthogonal_factors_are_a_best_approximation(rows, columns, rank):
    matrix = haar(rows, columns).double()
    w1, w2 = orthogonal_factors(matrix.float(), rank)
    product = (w1 @ w2).double()
    singular = torch.linalg.svdvals(product)
    torch.testing.assert_close(
        singular[:rank], torch.ones(rank, dtype=torch.float64), rtol=0, atol=1e-5
    )
    assert singular[rank:].abs().max().item() < 1e-5 if rank < min(rows, columns) else True
    # Eckart and Young: the squared error is what the dropped singular values, all one, add up to.
    error = (matrix - product).square().sum().item()
    assert error == pytest.approx(min(rows, columns) - rank, abs=1e-4)
    torch.testing.assert_close(w2 @ w2.T, torch.eye(rank), rtol=0, atol=1e-5)


def test_orthogonal_factors_favour_no_unit():
    # Were the leading right vectors unit vectors, the first units alone would feed back.
    energy = torch.stack(
        [orthogonal_factors(haar(16, 16), 4)[1].square().sum(0) for _ in range(400)]
    )
    torch.testing.assert_close(energy.mean(0), torch.full((16,), 0.25), rtol=0, atol=0.05)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
def test_layer_starts_at_the_truncated_svd(layer_class, init):
    torch.manual_seed(3)
    layer = layer_class(5, 12, rank=4, init=init)
    for w in layer.recurrent_weight().detach():
        singular = torch.linalg.svdvals(w)
        assert (singular[4:] < 1e-5).all()
        assert (singular[:4] > 0.05).all()
    # Gates have directions of their own.
    first, *others = layer.recurrent_weight().detach()
    assert all(not torch.allclose(first, other) for other in others)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("rank", [None, 4])
@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_recurrent_scale_multiplies_the_matrices_once(layer_class, rank, scale):
    def weight(**options):
        torch.manual_seed(3)
        return layer_class(5, 12, rank=rank, sparsity=0.3, **options).recurrent_weight().detach()

    torch.testing.assert_close(weight(recurrent_scale=scale), scale * weight())


def test_full_rank_is_one_dense_matrix_unless_asked():
    dense, factors = LRSCfC(4, 6, rank=6), LRSCfC(4, 6, rank=6, factor_full_rank=True)
    assert "weight_hh_l0" in dense.state_dict()
    assert {"weight_hh_w1_l0", "weight_hh_w2_l0"} <= set(factors.state_dict())
    for w in factors.recurrent_weight().detach():
        torch.testing.assert_close(w @ w.T, torch.eye(6), rtol=0, atol=1e-5)


def test_mask_is_a_pure_function_of_its_seed():
    wiring = Connectivity(rows=16, columns=16, gates=3, sparsity=0.5, mask_seed=7)
    torch.manual_seed(0)
    first = wiring.draw_mask(layer=1)
    torch.manual_seed(1)
    torch.testing.assert_close(wiring.draw_mask(layer=1), first)
    others = [
        wiring.draw_mask(layer=0),
        Connectivity(rows=16, columns=16, gates=3, sparsity=0.5, mask_seed=8).draw_mask(layer=1),
    ]
    for other in others:
        assert not torch.equal(other, first)
    assert not torch.equal(first[0], first[1])  # gates are independent
    shared = Connectivity(rows=16, columns=16, gates=3, sparsity=0.5, share_mask=True).draw_mask()
    assert torch.equal(shared[0], shared[2])


@pytest.mark.parametrize("sparsity", [0.05, 0.5, 0.95])
def test_mask_entries_are_independent_draws(sparsity):
    mask = Connectivity(rows=128, columns=128, gates=4, sparsity=sparsity).draw_mask()
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    deviation = (sparsity * (1 - sparsity)) ** 0.5
    assert abs(mask.mean() - (1 - sparsity)) < 4 * deviation / 256
    rows = mask.mean(-1)  # spread of a binomial: no row or column is preferred
    assert rows.std().item() == pytest.approx(deviation / 128**0.5, rel=0.15)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("rank", [None, 3])
def test_mask_is_fixed_and_masked_entries_get_no_gradient(layer_class, rank):
    layer = layer_class(3, 8, rank=rank, sparsity=0.6, mask_seed=5)
    before = layer.mask().clone()
    assert "mask_hh_l0" in layer.state_dict()
    assert all(p is not layer.mask() for p in layer.parameters())
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        y, _ = layer(torch.randn(4, 2, 3))
        y.square().sum().backward()
        if rank is None:
            grad = layer.weight_hh_l0.grad.view(-1, 8, 8)
            assert (grad[before == 0] == 0).all()
            assert (grad[before == 1] != 0).any()
        optimizer.step()
        assert torch.equal(layer.mask(), before)
        assert (layer.recurrent_weight()[before == 0] == 0).all()


def test_factor_gradients_pass_through_the_mask():
    # dW1 = (dW . M) W2^T and dW2 = W1^T (dW . M), for dW the gradient of the effective matrix.
    layer = LRSCfC(3, 6, rank=2, sparsity=0.4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    layer(x)[0].square().sum().backward()
    dense = LRSCfC(3, 6, dtype=torch.float64)
    with torch.no_grad():
        dense.weight_hh_l0.copy_(layer.recurrent_weight().reshape(18, 6))
        dense.weight_ih_l0.copy_(layer.weight_ih_l0)
        dense.bias_ih_l0.copy_(layer.bias_ih_l0)
    dense(x)[0].square().sum().backward()
    masked = dense.weight_hh_l0.grad.view(3, 6, 6) * layer.mask()
    w1, w2 = layer.stored_weight()
    torch.testing.assert_close(w1.grad, masked @ w2.mT, rtol=0, atol=1e-12)
    torch.testing.assert_close(w2.grad, w1.mT @ masked, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, r"rank is 0: give a whole number from 1 to 8"),
        ({"rank": 9}, r"rank is 9: give a whole number from 1 to 8"),
        ({"rank": 2.5}, r"rank is 2.5: give a whole number"),
        ({"sparsity": 1.0}, r"sparsity is 1.0: give the fraction of zeros"),
        ({"sparsity": -0.1}, r"sparsity is -0.1"),
        ({"sparsity": float("nan")}, r"sparsity is nan"),
        ({"mask_seed": -1}, r"mask_seed is -1: give a whole number of at least 0"),
        ({"init": "ortogonal"}, r"unknown init 'ortogonal': did you mean 'orthogonal'"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        LRSCfC(3, 8, **options)
    assert "\n" not in str(caught.value)
    if "init" in options:
        assert isinstance(caught.value, UnknownNameError)


def test_a_mask_of_another_sparsity_is_refused():
    dense, sparse = LRSCfC(3, 16, sparsity=0.2), LRSCfC(3, 16, sparsity=0.9)
    with pytest.raises(RuntimeError, match=r"mask_hh_l0 has .* zeros, but .* sparsity 0.9"):
        sparse.load_state_dict(dense.state_dict())
    for seed in range(50):  # and never one that is right
        other = LRSCfC(3, 6, sparsity=0.3, mask_seed=seed, share_mask=bool(seed % 2))
        LRSCfC(3, 6, sparsity=0.3, share_mask=bool(seed % 2)).load_state_dict(other.state_dict())


@pytest.mark.parametrize("share_mask", [False, True])
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.95])
def test_a_mask_may_be_six_deviations_off_and_no_more(sparsity, share_mask):
    wiring = Connectivity(rows=20, columns=10, gates=3, sparsity=sparsity, share_mask=share_mask)
    drawn = 200 if share_mask else 600
    reach = 6 * (drawn * sparsity * (1 - sparsity)) ** 0.5 + 1
    for zeros in range(0, drawn + 1, 2):
        mask = torch.ones(drawn)
        mask[:zeros] = 0
        mask = mask.expand(3, -1) if share_mask else mask
        told = wiring.disagrees(mask.reshape(3, 20, 10))
        assert (told is None) == (abs(zeros - sparsity * drawn) <= reach), zeros


def test_what_is_wrong_with_a_mask_is_said_in_full():
    wiring = Connectivity(rows=10, columns=10, gates=2, sparsity=0.25)
    assert wiring.disagrees(torch.ones(2, 10, 10)) == (
        "has 0% zeros, but the layer was made for sparsity 0.25: make it with the sparsity of the "
        "file."
    )


@pytest.mark.parametrize("init", ["orthogonal", "glorot", "uniform"])
@pytest.mark.parametrize("hidden", [16, 129, 256])
def test_initial_weights_are_the_same_on_any_number_of_threads(init, hidden):
    drawn = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        layers = [LRSGRU(7, hidden, init=init, rank=rank) for rank in (None, 5)]
        drawn.append([p.detach().clone() for layer in layers for p in layer.parameters()])
        assert torch.get_num_threads() == threads
    for others in drawn[1:]:
        assert all(torch.equal(*pair) for pair in zip(drawn[0], others, strict=True))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("init", ["orthogonal", "glorot", "uniform"])
def test_layers_of_a_low_default_type_are_made_and_run(kind, init):
    torch.set_default_dtype(kind)
    try:
        for layer_class in LAYERS:
            layer = layer_class(3, 8, rank=2, sparsity=0.5, init=init)
            y, _ = layer(torch.randn(5, 2, 3))
            assert {p.dtype for p in layer.parameters()} == {y.dtype} == {kind}
            assert y.isfinite().all()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_layer_of_a_low_type_is_truncated():
    layer = LRSGRU(3, 8, dtype=torch.bfloat16)
    cut, wide = truncate_layer(layer, 3), truncate_layer(copy.deepcopy(layer).float(), 3)
    assert cut.weight_hh_w1_l0.dtype == torch.bfloat16
    torch.testing.assert_close(
        cut.float().recurrent_weight(), wide.recurrent_weight(), rtol=0, atol=0.02
    )


@pytest.mark.parametrize(("rows", "columns"), [(30, 30), (40, 10), (10, 40)])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_uniform_weights_reach_their_bounds_and_no_further(rows, columns, scale):
    """Those of torch.nn, and of Glorot and Bengio (2010); 1,000 draws come within 1 % of both."""
    bounds = {"uniform": rows**-0.5, "glorot": (6 / (rows + columns)) ** 0.5}
    for init, bound in bounds.items():
        torch.manual_seed(0)
        (weight,) = Connectivity(rows, columns, gates=4, init=init, scale=scale).draw_weight()
        assert 0.99 * bound * scale < weight.max() <= bound * scale
        assert -0.99 * bound * scale > weight.min() >= -bound * scale


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (8, 3), (3, 8)])
def test_orthogonal_weights_are(rows, columns):
    (weight,) = Connectivity(rows, columns, gates=2, init="orthogonal").draw_weight()
    short = weight if rows <= columns else weight.mT  # (G, min, max)
    same = torch.eye(min(rows, columns), dtype=weight.dtype).expand(2, -1, -1)
    torch.testing.assert_close(short @ short.mT, same)


@pytest.mark.parametrize("init", ["uniform", "glorot", "orthogonal"])
@pytest.mark.parametrize("layer_class", LAYERS)
def test_input_weights_and_biases_reach_their_bounds_gate_by_gate(layer_class, init):
    """Torch's own scheme for all that is uniform, else Glorot's of each matrix, and no bias."""
    torch.manual_seed(0)
    layer = layer_class(60, 40, 2, init=init)
    for depth, inputs in enumerate((60, 40)):
        bound = 40**-0.5 if init == "uniform" else (6 / (40 + inputs)) ** 0.5
        for gate in layer.part("weight_ih", depth).split(40):
            reaches(gate, bound)
        for name in layer.bias_names if init == "uniform" else ():
            reaches(layer.part(name, depth), bound, 0.8)


@pytest.mark.parametrize("init", ["uniform", "glorot", "orthogonal"])
def test_projections_reach_their_bounds(init):
    torch.manual_seed(0)
    layer = LRSLSTM(5, 60, 2, proj_size=30, init=init)
    for depth in range(2):
        bound = 60**-0.5 if init == "uniform" else (6 / (60 + 30)) ** 0.5
        reaches(layer.part("weight_hr", depth), bound)


def reaches(values, bound, share=0.99):
    """Both bounds up to a share, and no further."""
    assert share * bound < values.max() <= bound and -bound <= values.min() < -share * bound
