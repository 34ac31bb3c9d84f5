"""A function for every cell of this package: `recurrent_scan` under the names of its own inputs.

Letters as in `scan.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from lrs_kernels.cells import cfc, gru, lstm, rnn
from lrs_kernels.scan import Weight, recurrent_scan


def cfc_scan(
    x_proj: Tensor,
    weight: Weight,
    h0: Tensor | None = None,
    mask: Tensor | None = None,
    timespans: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str | None = None,
    backend: str = "auto",
    *,
    mode: str | None = None,
    w_tau: Tensor | None = None,
    amplitude: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a closed-form continuous-time network (CfC) over a sequence.

    With the gates G, H, F: `g, h, f = tanh(z_G), tanh(z_H), sigmoid(dt z_F)`, `z = x + W h_{t-1}`,
    `h_t = g (1 - f) + h f` (Hasani et al. 2022 without backbone; Tumma et al. 2024, section 2).
    With four gates G, H, A, B, as in ncps, `f = sigmoid(dt z_A + z_B)`.

    Args:
        x_proj: input part of the pre-activations, bias included, `(P, T, B, G*H)`.
        weight: recurrent weights: dense `(P, G, H, H)`, or factors `(P, G, H, r)`, `(P, G, r, H)`.
        h0: initial state, `(P, B, H)`; zeros by default.
        mask: 1 where a connection exists, `(P, G, H, H)`; all ones by default.
        timespans: time dt since the previous step, `(P, T, B)`; 1 by default.
        resets: true where the state is zeroed before step t (an episode starts), `(P, T, B)`.
        precision: of the matrix products on a GPU: `ieee`, `tf32`, `tf32x3`, `bf16`; by default
            what torch is set to.
        backend: `auto`, `triton`, `native`, `cpu` or `reference`.
        mode: `paper` (G = 3), or ncps' `default` (G = 4), `no_gate` (`h_t = g + h f`, G = 4; 3 is
            allowed) or `pure` (G = 1); by default what has as many matrices as `weight`, `paper`,
            `default` or `pure`.
        w_tau: mode `pure`, which needs it: inverse time constants, `(P, H)`.
        amplitude: mode `pure`, which needs it: A, `(P, H)`.

    Returns:
        States h_1 ... h_T, `(P, T, B, H)`, and the final state, `(P, B, H)`.

    Raises:
        ValueError: for a shape, mode, precision or backend that does not fit, and for a mask that
            requires a gradient on another backend than `reference`.
        TypeError: for a dtype or device that does not fit.

    """
    y, (h_n,) = recurrent_scan(
        cfc.CELL, x_proj, weight, None if h0 is None else (h0,), mask, resets,
        variant=_one_of("mode", mode, cfc.CELL.variants), precision=precision, backend=backend,
        timespans=timespans, w_tau=w_tau, amplitude=amplitude,
    )  # fmt: skip
    return y, h_n


def lstm_scan(
    x_proj: Tensor,
    weight: Weight,
    state: tuple[Tensor, Tensor] | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str | None = None,
    backend: str = "auto",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run an LSTM over a sequence; gates in torch's order i, f, g, o.

    Args:
        x_proj: input part of the pre-activations, both biases included, `(P, T, B, 4H)`.
        weight: recurrent weights: dense `(P, 4, H, H)`, or factors `(P, 4, H, r)`, `(P, 4, r, H)`.
        state: initial hidden and cell state, `(P, B, H)` each; zeros by default.
        mask: as in `cfc_scan`.
        resets: true where both states are zeroed before step t, `(P, T, B)`.
        precision: as in `cfc_scan`.
        backend: as in `cfc_scan`.

    Returns:
        States `(P, T, B, H)`, and the final hidden and cell state, `(P, B, H)` each.

    Raises:
        ValueError: for a shape, precision or backend that does not fit.
        TypeError: for a dtype or device that does not fit.

    """
    y, (h_n, c_n) = recurrent_scan(
        lstm.CELL, x_proj, weight, state, mask, resets, precision=precision, backend=backend
    )
    return y, (h_n, c_n)


def gru_scan(
    x_proj: Tensor,
    weight: Weight,
    h0: Tensor | None = None,
    bias_n: Tensor | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str | None = None,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Run a GRU over a sequence; gates in torch's order r, z, n.

    Args:
        x_proj: input part of the pre-activations, `(P, T, B, 3H)`; it holds every bias but one.
        weight: recurrent weights: dense `(P, 3, H, H)`, or factors `(P, 3, H, r)`, `(P, 3, r, H)`.
        h0: initial state, `(P, B, H)`; zeros by default.
        bias_n: torch's `b_hn`, which stands inside `r * (W_hn h + b_hn)`, `(P, H)`.
        mask: as in `cfc_scan`.
        resets: as in `cfc_scan`.
        precision: as in `cfc_scan`.
        backend: as in `cfc_scan`.

    Returns:
        States `(P, T, B, H)`, and the final state, `(P, B, H)`.

    Raises:
        ValueError: for a shape, precision or backend that does not fit.
        TypeError: for a dtype or device that does not fit.

    """
    y, (h_n,) = recurrent_scan(
        gru.CELL, x_proj, weight, None if h0 is None else (h0,), mask, resets,
        precision=precision, backend=backend, bias_n=bias_n,
    )  # fmt: skip
    return y, h_n


def rnn_scan(
    x_proj: Tensor,
    weight: Weight,
    h0: Tensor | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str | None = None,
    backend: str = "auto",
    *,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Run an Elman network over a sequence.

    Args:
        x_proj: input part of the pre-activations, both biases included, `(P, T, B, H)`.
        weight: recurrent weights: dense `(P, 1, H, H)`, or factors `(P, 1, H, r)`, `(P, 1, r, H)`.
        h0: initial state, `(P, B, H)`; zeros by default.
        mask: as in `cfc_scan`.
        resets: as in `cfc_scan`.
        precision: as in `cfc_scan`.
        backend: as in `cfc_scan`.
        nonlinearity: `tanh` or `relu`.

    Returns:
        States `(P, T, B, H)`, and the final state, `(P, B, H)`.

    Raises:
        ValueError: for a shape, nonlinearity, precision or backend that does not fit.
        TypeError: for a dtype or device that does not fit.

    """
    variant = _one_of("nonlinearity", nonlinearity, rnn.CELL.variants)
    y, (h_n,) = recurrent_scan(
        rnn.CELL, x_proj, weight, None if h0 is None else (h0,), mask, resets,
        variant=variant, precision=precision, backend=backend,
    )  # fmt: skip
    return y, h_n


def _one_of(name: str, value: str | None, known: Iterable[str]) -> str | None:
    """The value, if it is known or left out; variants have other names in these functions."""
    if value is not None and value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}")
    return value
