"""Student's t for any, also broken, degrees of freedom, whole arrays at once.

The tail is a regularised incomplete beta function, `P(T > t) = I_x(f / 2, 1 / 2) / 2` with
`x = f / (f + t^2)` for `t >= 0`, here by its continued fraction (DLMF 8.17.22).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lrs_lightning.statistics.estimates import Array

CONFIDENCE = 0.95
_TERMS = 200
_STEPS = 60
_CLOSE = 1e-14
_MANY = 1e7  # degrees of freedom that are as good as infinitely many
_TINY = 1e-300
_log_gamma = np.frompyfunc(lgamma, 1, 1)


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, with what its t interval is made of.

    Args:
        value: of any shape.
        error: its standard error; NaN where nothing tells of spread. With one axis more, in front:
            several that all must hold, of which the widest counts.
        freedom: the degrees of freedom of the error, of its shape.
    """

    value: Array
    error: Array
    freedom: Array

    def interval(self, confidence: float = CONFIDENCE) -> Array:
        """Both ends, `(2, ...)`."""
        reach = self.error * quantile((1 + confidence) / 2, self.freedom)
        half = self._widest(np.where(self.error == 0, 0.0, reach))
        return np.stack([self.value - half, self.value + half])

    def p_value(self) -> Array:
        """Of the value against zero, two-sided; NaN where the error is unknown.

        Values without any spread are equal (1) or differ (0).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = two_sided(self.value / self.error, self.freedom)
        certain = np.where(self.value == 0, 1.0, 0.0)
        return self._widest(np.where(self.error == 0, certain, found))

    def _widest(self, told: Array) -> Array:
        return np.asarray(told.max(0) if told.ndim > np.ndim(self.value) else told)


def tail(t: ArrayLike, freedom: ArrayLike) -> Array:
    """`P(T > t)` of Student's t, of broadcast shape; NaN where either is NaN.

    Args:
        t: any numbers; infinite ones have a tail of 0 or 1.
        freedom: degrees of freedom, above 0; infinitely many are the normal distribution's.
    """
    t, f = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(freedom, np.float64))
    f = np.minimum(f, _MANY)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        squared = t * t
        beta = _incomplete_beta(f / 2, f / (f + squared), squared / (f + squared))
    upper = np.where(np.isinf(t), 0.0, beta / 2)
    return np.asarray(np.where(np.isnan(t + f), np.nan, np.where(t >= 0, upper, 1 - upper)))


def two_sided(t: ArrayLike, freedom: ArrayLike) -> Array:
    """The p value of a t statistic against zero."""
    return np.asarray(2 * tail(np.abs(np.asarray(t, np.float64)), freedom))


def quantile(probability: float, freedom: ArrayLike) -> Array:
    """Where `P(T < q)` is `probability`, above 0.5 and below 1, for each of the degrees of freedom.

    Newton's method from the first terms of the expansion around the normal quantile, which are
    below: there the tail falls and is convex, so that every step goes right and none too far.
    """
    f = np.asarray(freedom, np.float64)
    known, where = np.unique(np.minimum(f, _MANY), return_inverse=True)
    z = NormalDist().inv_cdf(probability)
    q = z + (z**3 + z) / (4 * known)
    ratio = np.asarray(_log_gamma((known + 1) / 2) - _log_gamma(known / 2), np.float64)
    for _ in range(_STEPS):
        log_density = ratio - np.log(known * np.pi) / 2 - (known + 1) / 2 * np.log1p(q * q / known)
        step = (tail(q, known) - (1 - probability)) / np.exp(log_density)
        q = q + step
        if not (np.abs(step) >= 1e-13 * q).any():
            break
    return np.asarray(q[where].reshape(f.shape))


def _incomplete_beta(a: Array, x: Array, y: Array) -> Array:
    """`I_x(a, 1/2)`; `y` is `1 - x`, given apart since it loses no digits where x is near 1."""
    b = np.full(a.shape, 0.5)
    ratio = np.asarray(_log_gamma(a + b) - _log_gamma(a) - _log_gamma(b), np.float64)
    front = np.exp(ratio + a * np.log(x) + b * np.log(y))
    near = x < (a + 1) / (a + b + 2)  # where the fraction converges fast; else the mirrored one
    p, q, z = np.where(near, a, b), np.where(near, b, a), np.where(near, x, y)
    value = np.where(x * y > 0, front * _fraction(p, q, z) / p, 0.0)
    found = np.where(near, value, 1 - value)
    return np.asarray(np.where(x <= 0, 0.0, np.where(y <= 0, 1.0, found)))


def _fraction(a: Array, b: Array, x: Array) -> Array:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c = np.ones_like(x)
    d = 1 / _away(1 - (a + b) * x / (a + 1))
    value = d.copy()
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            value = value * d * c
        if not (np.abs(d * c - 1) >= _CLOSE).any():  # NaN is done
            break
    return value


def _away(x: Array) -> Array:
    return np.where(np.abs(x) < _TINY, _TINY, x)
