"""One function per cell: the whole recurrence over time, differentiable.

Letters: P population (a leading axis that may be missing everywhere), T time, B batch, G recurrent
matrices, H hidden size, r rank. The input part of the pre-activations is given already projected,
bias included, since one GEMM for all steps is faster than T small ones.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.checks import check_inputs
from lrs_kernels.ops import run
from lrs_kernels.passes import Call, Inputs
from lrs_kernels.precision import resolve
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import cfc_reference

Weight = Tensor | tuple[Tensor, Tensor]
"""Dense `(P, G, H, H)`, or the pair W1 `(P, G, H, r)` and W2 `(P, G, r, H)`."""

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)

_MODES = ("default", "no_gate", "pure")
_NONLINEARITIES = ("tanh", "relu")


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
    mode: str = "default",
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
        backend: `auto`, `triton`, `cpu` or `reference`.
        mode: ncps' `default`, `no_gate` (`h_t = g + h f`) or `pure` (one gate, G = 1).
        w_tau: mode `pure`: inverse time constants, `(P, H)`.
        amplitude: mode `pure`: A, `(P, H)`.

    Returns:
        States h_1 ... h_T, `(P, T, B, H)`, and the final state, `(P, B, H)`.

    Raises:
        ValueError: for a shape, mode, precision or backend that does not fit.
        TypeError: for a dtype or device that does not fit.

    """
    _one_of("mode", mode, _MODES)
    inputs, call = _prepare("cfc", x_proj, weight, h0, mask, resets, precision, mode, timespans)
    check_inputs("cfc", inputs, (1,) if mode == "pure" else None)
    if mode == "pure":
        _choose_reference(backend, inputs)
        return cfc_reference(
            inputs.x_proj, inputs.recurrent.effective(), inputs.h0, inputs.timespans,
            inputs.resets, mode, w_tau, amplitude,
        )  # fmt: skip
    y, h_n, _ = run(call, inputs, backend)
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
    h0, c0 = (None, None) if state is None else state
    inputs, call = _prepare("lstm", x_proj, weight, h0, mask, resets, precision)
    inputs = inputs._replace(c0=torch.zeros_like(inputs.h0) if c0 is None else _float32(c0))
    check_inputs("lstm", inputs)
    y, h_n, c_n = run(call, inputs, backend)
    assert c_n is not None
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
    inputs, call = _prepare("gru", x_proj, weight, h0, mask, resets, precision)
    inputs = inputs._replace(bias_n=_float32(bias_n))
    check_inputs("gru", inputs)
    y, h_n, _ = run(call, inputs, backend)
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
    _one_of("nonlinearity", nonlinearity, _NONLINEARITIES)
    inputs, call = _prepare("rnn", x_proj, weight, h0, mask, resets, precision, nonlinearity)
    check_inputs("rnn", inputs)
    y, h_n, _ = run(call, inputs, backend)
    return y, h_n


def _choose_reference(backend: str, inputs: Inputs) -> None:
    if not torch.compiler.is_compiling():
        dispatch.choose(backend, "cfc", "pure", inputs.x_proj.device.type)


def _prepare(
    cell: str,
    x_proj: Tensor,
    weight: Weight,
    h0: Tensor | None,
    mask: Tensor | None,
    resets: Tensor | None,
    precision: str | None,
    variant: str = "default",
    timespans: Tensor | None = None,
) -> tuple[Inputs, Call]:
    """Name the arguments, fill in what was left out, and lift what autocast lowered."""
    device = x_proj.device.type
    recurrent = Recurrent.of(weight, mask)
    call = Call(cell, variant, resolve(precision, device, x_proj.dtype))
    if resets is not None and resets.dtype != torch.bool:
        resets = resets != 0
    if torch.is_autocast_enabled(device):
        # Autocast lowers products, not sums over a thousand steps: the state stays in float32.
        x_proj, h0, timespans = _float32(x_proj), _float32(h0), _float32(timespans)
        recurrent = Recurrent(*(_float32(part) for part in recurrent))
    if h0 is None:
        shape = (*x_proj.shape[:-3], x_proj.shape[-2], recurrent.reference.shape[-2])
        h0 = x_proj.new_zeros(shape)
    return Inputs(x_proj, recurrent, h0, None, timespans, resets), call


def _float32(tensor: _MaybeTensor) -> _MaybeTensor:
    if tensor is not None and tensor.dtype in (torch.float16, torch.bfloat16):
        return tensor.float()
    return tensor


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}")
