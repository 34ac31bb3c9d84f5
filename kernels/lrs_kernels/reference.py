"""The four recurrences as anyone would write them down: the judge of every faster path.

Plain loops in the dtype of their inputs, differentiated by autograd, with every option. They are
slow on purpose: nothing here is shared with the code they judge. Shapes as in `functional.py`,
where P, the population, may stand first everywhere; `weight` is effective, `(P, G, H, H)`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cfc_reference(
    x_proj: Tensor,
    weight: Tensor,
    h0: Tensor,
    timespans: Tensor | None = None,
    resets: Tensor | None = None,
    mode: str = "default",
    w_tau: Tensor | None = None,
    amplitude: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Closed-form continuous-time cell (Hasani et al. 2022, equations 10 and ncps' three modes).

    With three gates G, H, F the interpolation is `sigmoid(dt * z_F)`, with four (G, H, A, B) it is
    `sigmoid(dt * z_A + z_B)`. `pure` has one gate and the per-unit `w_tau` and `amplitude`, `(H,)`.
    """
    state, states = h0, []
    for x, dt, reset in _steps(x_proj, timespans, resets):
        state = _forget(state, reset)
        z = x + _recurrent(state, weight)
        if mode == "pure":
            state = _pure(z, dt, w_tau, amplitude)
        else:
            state = _interpolate(z, dt, weight.shape[-3], mode)
        states.append(state)
    return torch.stack(states, dim=-3), state


def _interpolate(z: Tensor, dt: Tensor, gates: int, mode: str) -> Tensor:
    g, h, *time = z.chunk(gates, dim=-1)
    g, h = torch.tanh(g), torch.tanh(h)
    f = torch.sigmoid(dt * time[0]) if gates == 3 else torch.sigmoid(dt * time[0] + time[1])
    return g + f * h if mode == "no_gate" else g * (1 - f) + h * f


def _pure(z: Tensor, dt: Tensor, w_tau: Tensor | None, amplitude: Tensor | None) -> Tensor:
    if w_tau is None or amplitude is None:
        raise ValueError("mode 'pure' needs w_tau and amplitude, each of shape (H,)")
    if w_tau.dim() > 1:  # (P, H) beside rows (P, B, H)
        w_tau, amplitude = w_tau.unsqueeze(-2), amplitude.unsqueeze(-2)
    decay = torch.exp(-dt * (w_tau.abs() + z.abs()))
    return amplitude - amplitude * decay * z


def lstm_reference(
    x_proj: Tensor,
    weight: Tensor,
    h0: Tensor,
    c0: Tensor,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """LSTM with the gate order i, f, g, o of `torch.nn.LSTM`; returns y, h_n and c_n."""
    state, cell, states = h0, c0, []
    for x, _, reset in _steps(x_proj, None, resets):
        state, cell = _forget(state, reset), _forget(cell, reset)
        i, f, g, o = (x + _recurrent(state, weight)).chunk(4, dim=-1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        state = torch.sigmoid(o) * torch.tanh(cell)
        states.append(state)
    return torch.stack(states, dim=-3), state, cell


def gru_reference(
    x_proj: Tensor,
    weight: Tensor,
    h0: Tensor,
    bias_n: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """GRU with the gate order r, z, n of `torch.nn.GRU`; `bias_n` stands inside r * (W h + b)."""
    state, states = h0, []
    if bias_n is not None and bias_n.dim() > 1:
        bias_n = bias_n.unsqueeze(-2)  # (P, H) beside rows (P, B, H)
    for x, _, reset in _steps(x_proj, None, resets):
        state = _forget(state, reset)
        x_r, x_z, x_n = x.chunk(3, dim=-1)
        h_r, h_z, h_n = _recurrent(state, weight).chunk(3, dim=-1)
        inner = h_n if bias_n is None else h_n + bias_n
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * inner)
        state = (1 - z) * n + z * state
        states.append(state)
    return torch.stack(states, dim=-3), state


def rnn_reference(
    x_proj: Tensor,
    weight: Tensor,
    h0: Tensor,
    resets: Tensor | None = None,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Elman network with `tanh` or `relu`, as `torch.nn.RNN`."""
    activation = torch.tanh if nonlinearity == "tanh" else torch.relu
    state, states = h0, []
    for x, _, reset in _steps(x_proj, None, resets):
        state = activation(x + _recurrent(_forget(state, reset), weight))
        states.append(state)
    return torch.stack(states, dim=-3), state


def _steps(
    x_proj: Tensor, timespans: Tensor | None, resets: Tensor | None
) -> list[tuple[Tensor, Tensor, Tensor | None]]:
    """Per step: input `(P, B, G*H)`, time span `(P, B, 1)` (1 by default), resets `(P, B, 1)`."""
    x = x_proj.unbind(-3)
    one = x_proj.new_ones(())
    dt = [one] * len(x) if timespans is None else timespans.unsqueeze(-1).unbind(-3)
    cut = [None] * len(x) if resets is None else resets.unsqueeze(-1).unbind(-3)
    return list(zip(x, dt, cut, strict=True))


def _forget(state: Tensor, reset: Tensor | None) -> Tensor:
    return state if reset is None else torch.where(reset.bool(), torch.zeros_like(state), state)


def _recurrent(state: Tensor, weight: Tensor) -> Tensor:
    """The recurrent part of all gates: `(P, B, H)` and `(P, G, H, H)` to `(P, B, G*H)`."""
    return state @ weight.flatten(-3, -2).mT
