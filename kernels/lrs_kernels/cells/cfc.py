"""Closed-form continuous-time cell (CfC; Hasani et al. 2022, without a backbone).

g, h = tanh(z_G), tanh(z_H),    z = x + W h_{t-1},
f = sigmoid(dt z_F)             with three matrices, G, H, F (Tumma et al. 2024, section 2),
f = sigmoid(dt z_A + z_B)       with four, G, H, A, B (ncps),
h_t = g (1 - f) + h f           variants `paper` (three) and `default` (four),
h_t = g + h f                   variant `no_gate` (ncps: four; three are allowed),
h_t = A - A exp(-dt (|w_tau| + |z|)) z          variant `pure` (one matrix).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Extra, Extras, Products, States, Variant
from lrs_kernels.registry import register_cell


def _parts(x: Tensor, recur: Products, states: States, extras: Extras) -> tuple[Tensor, ...]:
    """Activated g, h and f."""
    (state,) = states
    dt = extras.get("timespans", x.new_ones(()))
    g, h, *time = (x + recur(state)).chunk(x.shape[-1] // state.shape[-1], dim=-1)
    f = torch.sigmoid(dt * time[0] if len(time) == 1 else dt * time[0] + time[1])
    return torch.tanh(g), torch.tanh(h), f


def _gated(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    g, h, f = _parts(x, recur, states, extras)
    return (g * (1 - f) + h * f,)


def _no_gate(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    g, h, f = _parts(x, recur, states, extras)
    return (g + f * h,)


def _pure(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    z = x + recur(states[0])
    dt, amplitude = extras.get("timespans", x.new_ones(())), extras["amplitude"]
    decay = torch.exp(-dt * (extras["w_tau"].abs() + z.abs()))
    return (amplitude - amplitude * decay * z,)


_TIME = {"timespans": Extra("TB")}
_CONSTANTS = {"w_tau": Extra("H", required=True), "amplitude": Extra("H", required=True)}
_GATES = ("tanh", "tanh", "sigmoid")

CELL = register_cell(
    Cell(
        "cfc",
        variants={
            "paper": Variant(_gated, (3,), _TIME, _GATES),
            "default": Variant(_gated, (4,), _TIME, _GATES),
            "no_gate": Variant(_no_gate, (4, 3), _TIME, _GATES),
            "pure": Variant(_pure, (1,), {**_TIME, **_CONSTANTS}, ("exp",), by_hand=False),
        },
        saved=3,  # g, h, f
        cpu="lrs_kernels.cpu.cfc",
        native=Path(__file__).parents[1] / "native" / "cells" / "cfc.h",
        triton="lrs_kernels.triton.kernels.cfc",
    )
)
