"""One function per cell: the whole recurrence over time, differentiable.

Letters: P population (a leading axis that may be missing everywhere), T time, B batch, G recurrent
matrices, H hidden size, r rank. The input part of the pre-activations is given already projected,
bias included, since one GEMM for all steps is faster than T small ones.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

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


def _choose_reference(backend: str, inputs: Inputs) -> None:
    from lrs_kernels.dispatch import choose

    choose(backend, "cfc", "pure", 1, inputs.x_proj.device.type)


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
