"""Spectral radius and norm of the recurrent matrix at initialisation, in the limit of many units.

The masked matrix is p W_r plus noise with independent entries of variance s p E / n, with p = 1 - s
and E the energy ||W_r||²_F / n that the truncation leaves. Such a sum is R-diagonal: its spectral
radius is the root of its energy, and its norm the right edge of the free convolution of the
singular values of p W_r with a semicircle. At n = 64 a draw lies some 3 to 8 % above; for small r
at high s the norm more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.nn import _checks, free_convolution

INITIALISATIONS = ("orthogonal", "glorot")


def spectral_radius(
    n: int, rank: int | None = None, sparsity: float = 0.0, init: str = "orthogonal"
) -> float:
    """Largest modulus of an eigenvalue, `sqrt((1 - s) E(r / n))`.

    Args:
        n: units H.
        rank: r, 1 to n; None for n.
        sparsity: fraction of zeros s, in [0, 1).
        init: `"orthogonal"` or `"glorot"`.

    Example:
        >>> round(spectral_radius(64, rank=16, sparsity=0.5), 3)
        0.354
    """
    share = _share(n, rank, sparsity, init)
    return math.sqrt((1 - sparsity) * energy(share, init))


def jacobian_radius(
    cell: str,
    n: int,
    rank: int | None = None,
    sparsity: float = 0.0,
    init: str = "orthogonal",
    forget_bias: float = 1.0,
) -> float:
    """Spectral radius of dh_t/dh_{t-1} at rest: zero state and input, biases zero but the LSTM's.

    With R the spectral radius of one recurrent matrix: RNN R; CfC (W_G + W_H) / 2, so R / sqrt(2);
    CfC without gate W_G + W_H / 2, so R sqrt(5) / 2; GRU 1/2 + R / 4; LSTM, of (h, c),
    sigmoid(forget_bias) + R / 4. The gates' floor is what rank and sparsity cannot lower.

    Args:
        cell: `"rnn"`, `"cfc"`, `"cfc-no-gate"`, `"gru"` or `"lstm"`.
        n: units H.
        rank: as in `spectral_radius`.
        sparsity: as in `spectral_radius`.
        init: as in `spectral_radius`.
        forget_bias: the LSTM's.

    Example:
        >>> [round(jacobian_radius("cfc", 64, sparsity=s), 2) for s in (0.0, 0.5, 0.8)]
        [0.71, 0.5, 0.32]
    """
    radius = spectral_radius(n, rank, sparsity, init)
    at_rest = {
        "rnn": radius,
        "cfc": radius / math.sqrt(2),
        "cfc-no-gate": radius * math.sqrt(1.25),
        "gru": 0.5 + radius / 4,
        "lstm": 1 / (1 + math.exp(-forget_bias)) + radius / 4,
    }
    _checks.choice("cell", cell, at_rest)
    return at_rest[cell]


def energy(share: float, init: str) -> float:
    """E(q), what is left of ||W||²_F / n when the largest share q of the singular values stays."""
    if init == "orthogonal":
        return share
    # x = 2 sin(theta) turns the quarter-circle law's energy from `edge` to 2 into elementary
    # integrals.
    theta = _glorot_angle(1 - share)
    return 1 - 2 / math.pi * (theta - math.sin(4 * theta) / 4)


def spectral_norm(
    n: int, rank: int | None = None, sparsity: float = 0.0, init: str = "orthogonal"
) -> float:
    """Largest singular value; see `spectral_radius` for the arguments.

    Not monotone in s for an orthogonal matrix: a little random sparsity raises its norm above 1.

    Example:
        >>> round(spectral_norm(64, sparsity=0.5), 3)
        1.299
    """
    share = _share(n, rank, sparsity, init)
    values, weights = _singular_values(share, init)
    if sparsity == 0:
        return 1.0 if init == "orthogonal" else 2.0
    variance = sparsity * (1 - sparsity) * energy(share, init)
    return free_convolution.edge((1 - sparsity) * values, weights, variance)


def singular_values(
    n: int, rank: int | None = None, sparsity: float = 0.0, init: str = "orthogonal"
) -> NDArray[np.float64]:
    """All n singular values in their expected decay, descending; see `spectral_radius`.

    Quantiles of the limiting law: a flat spectrum for an orthogonal matrix, the quarter circle for
    Glorot's, and for a masked one their free convolution with a semicircle. The last `n - rank` are
    zero where nothing is masked.

    Example:
        >>> singular_values(4, rank=2).tolist()
        [1.0, 1.0, 0.0, 0.0]
    """
    share = _share(n, rank, sparsity, init)
    above = (np.arange(n) + 0.5) / n  # the share of values above each one
    if sparsity > 0:
        values, weights = _singular_values(share, init, nodes=200)
        variance = sparsity * (1 - sparsity) * energy(share, init)
        return free_convolution.quantiles((1 - sparsity) * values, weights, variance, above)
    if init == "orthogonal":
        return np.where(above < share, 1.0, 0.0)
    largest = [2 * math.sin(_glorot_angle(1 - a)) for a in above]
    return np.where(above < share, largest, 0.0)


def _share(n: int, rank: int | None, sparsity: float, init: str) -> float:
    _checks.positive("n", n)
    _checks.rank(rank, n)
    _checks.fraction("sparsity", sparsity)
    _checks.choice("init", init, INITIALISATIONS)
    return 1.0 if rank is None else rank / n


def _glorot_angle(quantile: float) -> float:
    """The angle theta at which 2 sin(theta) has the given quantile of the quarter circle."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if 2 / math.pi * (middle + math.sin(middle) * math.cos(middle)) < quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _singular_values(
    share: float, init: str, nodes: int = 4_000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The law of the singular values that stay: values, and weights that sum to `share`."""
    if init == "orthogonal":
        return np.ones(1), np.full(1, share)
    lower = _glorot_angle(1 - share)
    step = (math.pi / 2 - lower) / nodes
    theta = lower + step * (np.arange(nodes) + 0.5)
    return 2 * np.sin(theta), 4 / math.pi * np.cos(theta) ** 2 * step
