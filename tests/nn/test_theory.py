"""The closed forms against the numbers of the literature dossier, and against drawn matrices."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, Connectivity, LRSCfC
from lrs_lightning.nn.theory import (
    energy,
    jacobian_radius,
    singular_values,
    spectral_norm,
    spectral_radius,
)
from tests.selection import long_only

# r, s, then for orthogonal and Glorot: radius, norm (theory, n = 64).
TABLE = [
    (64, 0.0, 1.000, 1.000, 1.000, 2.000),
    (64, 0.2, 0.894, 1.408, 0.894, 1.789),
    (64, 0.5, 0.707, 1.299, 0.707, 1.414),
    (64, 0.8, 0.447, 0.881, 0.447, 0.894),
    (64, 0.95, 0.224, 0.447, 0.224, 0.447),
    (16, 0.0, 0.500, 1.000, 0.789, 2.000),
    (16, 0.5, 0.354, 0.763, 0.558, 1.256),
    (16, 0.8, 0.224, 0.459, 0.353, 0.731),
    (5, 0.0, 0.280, 1.000, 0.505, 2.000),
    (5, 0.2, 0.250, 0.859, 0.451, 1.642),
    (5, 0.5, 0.198, 0.590, 0.357, 1.099),
    (5, 0.8, 0.125, 0.297, 0.226, 0.541),
]


@pytest.mark.parametrize(("rank", "sparsity", "o_radius", "o_norm", "g_radius", "g_norm"), TABLE)
def test_closed_forms(rank, sparsity, o_radius, o_norm, g_radius, g_norm):
    for init, radius, norm in (("orthogonal", o_radius, o_norm), ("glorot", g_radius, g_norm)):
        assert spectral_radius(64, rank, sparsity, init) == pytest.approx(radius, abs=6e-4)
        assert spectral_norm(64, rank, sparsity, init) == pytest.approx(norm, abs=1.5e-3)


def test_energy_of_the_quarter_circle():
    assert energy(1.0, "glorot") == pytest.approx(1)
    assert energy(0.25, "glorot") == pytest.approx(0.622, abs=1e-3)
    assert energy(5 / 64, "glorot") == pytest.approx(0.255, abs=1e-3)
    # Against the sorted singular values of one large matrix.
    values = torch.linalg.svdvals(torch.randn(400, 400, dtype=torch.float64)) / 20
    assert energy(0.25, "glorot") == pytest.approx(
        values[:100].square().sum().item() / 400, rel=0.02
    )


@pytest.mark.parametrize("rank", [None, 1, 5, 64])
def test_without_a_mask_the_norm_is_known_to_the_last_digit(rank):
    assert spectral_norm(64, rank, 0.0, "orthogonal") == 1.0
    assert spectral_norm(64, rank, 0.0, "glorot") == 2.0


@pytest.mark.parametrize("sparsity", [0.1, 0.3, 0.7])
def test_orthogonal_full_rank_has_an_explicit_norm(sparsity):
    a2, b2 = (1 - sparsity) ** 2, sparsity * (1 - sparsity)
    u = (2 * a2 + b2 + (b2 * (b2 + 8 * a2)) ** 0.5) / 2
    expected = u**0.5 * (1 + b2 / (u - a2))
    assert spectral_norm(64, None, sparsity) == pytest.approx(expected, rel=1e-9)


def draw(n, rank, sparsity, init, gates, seed):
    torch.manual_seed(seed)
    wiring = Connectivity(n, n, gates, rank=rank, sparsity=sparsity, init=init, mask_seed=seed)
    weight = wiring.draw_weight()
    product = weight[0] if len(weight) == 1 else weight[0] @ weight[1]
    mask = wiring.draw_mask()
    return product if mask is None else product * mask


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
@pytest.mark.parametrize(
    ("n", "rank", "sparsity", "draws", "tolerance"),
    [
        (64, 64, 0.0, 200, 0.08),
        (64, 64, 0.5, 200, 0.08),
        (64, 16, 0.0, 200, 0.08),
        (64, 16, 0.5, 200, 0.08),
        (64, 16, 0.8, 200, 0.08),
        (64, 5, 0.5, 200, 0.08),
        (512, 512, 0.5, 6, 0.04),
        long_only((512, 128, 0.5, 12, 0.04)),
        # Without a mask the excess falls with the root of the rank, not of n.
        long_only((512, 128, 0.0, 6, 0.06)),
    ],
)
def test_drawn_matrices_agree(n, rank, sparsity, draws, tolerance, init):
    drawn = draw(n, rank, sparsity, init, draws, seed=1)
    radius = torch.linalg.eigvals(drawn).abs().amax(-1).mean().item()
    norm = torch.linalg.matrix_norm(drawn, 2).mean().item()
    assert radius == pytest.approx(spectral_radius(n, rank, sparsity, init), rel=tolerance)
    # Small rank at high sparsity has outliers beyond the edge of the bulk.
    loose = 0.20 if rank < n and sparsity >= 0.8 else tolerance
    assert norm == pytest.approx(spectral_norm(n, rank, sparsity, init), rel=loose)


PLANE = [(64, 0.0), (64, 0.2), (64, 0.5), (64, 0.8), (16, 0.0), (16, 0.5), (5, 0.0), (5, 0.8)]


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
@pytest.mark.parametrize(("rank", "sparsity"), PLANE)
def test_the_decay_of_singular_values(rank, sparsity, init):
    expected = singular_values(64, rank, sparsity, init)
    assert (expected[:-1] >= expected[1:]).all()
    drawn = torch.linalg.svdvals(draw(64, rank, sparsity, init, 100, seed=1)).mean(0).numpy()
    # Values are of the order of the norm, and quantiles at n = 64 right to a few per cent of it.
    assert abs(drawn - expected).mean() < 0.05 * spectral_norm(64, rank, sparsity, init)
    # The mean square of all of them is the squared radius, for whatever rank and sparsity.
    radius = spectral_radius(64, rank, sparsity, init)
    assert (singular_values(640, 10 * rank, sparsity, init) ** 2).mean() == pytest.approx(
        radius**2, rel=0.01
    )


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
@pytest.mark.parametrize(("rank", "sparsity"), PLANE)
def test_the_decay_starts_at_the_norm(rank, sparsity, init):
    largest = singular_values(4096, 64 * rank, sparsity, init)[0]
    assert largest == pytest.approx(spectral_norm(4096, 64 * rank, sparsity, init), rel=0.01)


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
def test_the_prior_only_lowers_the_radius(init):
    radii = [spectral_radius(64, rank, 0.5, init) for rank in (2, 8, 32, 64)]
    assert radii == sorted(radii)
    radii = [spectral_radius(64, 8, s, init) for s in (0.95, 0.5, 0.2, 0.0)]
    assert radii == sorted(radii)


REST = {
    "rnn": (LRSRNN, {}),
    "cfc": (LRSCfC, {}),
    "cfc-no-gate": (LRSCfC, {"mode": "no_gate"}),
    "gru": (LRSGRU, {}),
    "lstm": (LRSLSTM, {}),
}


def radius_at_rest(layer):
    """Largest eigenvalue of one step's Jacobian at zero, over the whole state."""
    sizes = [layer.hidden_size] * layer.states

    def step(flat):
        parts = tuple(part.view(1, 1, -1) for part in flat.split(sizes))
        x = torch.zeros(1, 1, layer.input_size)
        _, after = layer(x, parts[0] if len(parts) == 1 else parts)
        return torch.cat([part.view(-1) for part in ((after,) if len(parts) == 1 else after)])

    jacobian = torch.autograd.functional.jacobian(step, torch.zeros(sum(sizes)))
    return torch.linalg.eigvals(jacobian).abs().max().item()


@pytest.mark.parametrize(("rank", "sparsity"), [(None, 0.0), (None, 0.5), (None, 0.8), (16, 0.5)])
@pytest.mark.parametrize("cell", list(REST))
def test_jacobian_at_rest(cell, rank, sparsity):
    layer_class, options = REST[cell]
    radii = []
    for seed in range(8):
        torch.manual_seed(seed)
        prior = {"rank": rank, "sparsity": sparsity, "mask_seed": seed}
        radii.append(radius_at_rest(layer_class(2, 64, **prior, **options)))
    expected = jacobian_radius(cell, 64, rank, sparsity)
    # Eight draws scatter by some 2 % around a mean that lies up to 7 % above the limit.
    assert sum(radii) / len(radii) == pytest.approx(expected, rel=0.10)
    if cell in ("gru", "lstm"):
        assert sum(radii) / len(radii) == pytest.approx(expected, rel=0.02)


def test_what_a_forget_gate_leaves_at_rest():
    """sigmoid(forget_bias) of c, and a quarter of the radius of one matrix."""
    for bias, left in ((0.0, 0.5), (1.0, 0.7310585786), (-2.0, 0.1192029220)):
        for rank, sparsity in ((None, 0.0), (16, 0.5)):
            radius = spectral_radius(64, rank, sparsity)
            found = jacobian_radius("lstm", 64, rank, sparsity, forget_bias=bias)
            assert found == pytest.approx(left + radius / 4, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "n is 0"),
        ((8, 9), "rank is 9"),
        ((8, 4, 1.0), r"sparsity is 1.0"),
        ((8, 4, 0.0, "uniform"), "unknown init 'uniform'"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        spectral_radius(*arguments)
