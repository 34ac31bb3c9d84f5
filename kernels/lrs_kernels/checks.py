"""Arguments are judged before anything runs: one sentence that names what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Variant
from lrs_kernels.low_precision import LOW

_DTYPES = (torch.float32, torch.float64, *LOW)
_FLAGS = ("mask", "resets")  # of any dtype


class Kind(NamedTuple):
    """What a scan has to know of a tensor before it runs."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool
    type: type[Tensor]


class Kinds(NamedTuple):
    """The arguments of a scan; letters and shapes as in `scan.py`."""

    x_proj: Kind
    """Or the input of a layer, `(P, T, B, I)`, where there is `w_ih`."""
    dense: Kind | None
    w1: Kind | None
    w2: Kind | None
    mask: Kind | None
    resets: Kind | None
    states: tuple[Kind | None, ...] | None
    """None where they start at zero."""
    extras: Mapping[str, Kind | None]
    w_ih: Kind | None = None
    b_ih: Kind | None = None


# Functions, since the compiler of PyTorch 2.10 does not follow properties of a named tuple.


def input_name(kinds: Kinds) -> str:
    """What the user calls what is read step by step."""
    return "x_proj" if kinds.w_ih is None else "x"


def weight_kind(kinds: Kinds) -> Kind:
    """The dense weight, or W1 of a pair of factors."""
    part = kinds.w1 if kinds.dense is None else kinds.dense
    assert part is not None
    return part


def gates(kinds: Kinds) -> int:
    """Number of recurrent matrices; 0 where the weights are no matrices."""
    shape = weight_kind(kinds).shape
    return shape[-3] if len(shape) > 2 else 0


def check_input(kinds: Kinds) -> None:
    """Raise unless what is read step by step can be the input of a scan.

    Raises:
        ValueError: for a number of axes, or one of length 0.

    """
    shape, name = tuple(kinds.x_proj.shape), input_name(kinds)
    last = "G*H" if kinds.w_ih is None else "I"
    if len(shape) not in (3, 4):
        raise ValueError(
            f"{name} has shape {shape}, expected (T, B, {last}), or (P, T, B, {last}) for a "
            "population"
        )
    for size, letter in zip(shape, "PTB" if len(shape) == 4 else "TB", strict=False):
        if size == 0:
            raise ValueError(f"{name} has shape {shape}: {letter} = 0, there is nothing to scan")


def check_weights(variant: Variant, kinds: Kinds) -> None:
    """Raise unless the recurrent weights fit the equations and the projected input.

    Raises:
        ValueError: for a shape, naming the argument, its shape and the one expected.

    """
    part, x_shape = tuple(weight_kind(kinds).shape), tuple(kinds.x_proj.shape)
    name = "weight" if kinds.dense is not None else "W1"
    lead = x_shape[:-3]
    if len(part) != 3 + len(lead) or part[-3] not in variant.gates:
        wanted = " or ".join(str(g) for g in sorted(variant.gates))
        raise ValueError(
            f"{name} has shape {part}, expected "
            f"({'P, ' if lead else ''}G, H, {'H' if name == 'weight' else 'r'}) with G = {wanted}"
        )
    count, hidden, rank = part[-3:]
    square = (*lead, count, hidden, hidden)
    _expect("weight", kinds.dense, square)
    _expect("W1", kinds.w1, (*lead, count, hidden, rank))
    _expect("W2", kinds.w2, (*lead, count, rank, hidden))
    _expect("mask", kinds.mask, square)
    _expect("weight_ih", kinds.w_ih, (*lead, count * hidden, x_shape[-1]))
    _expect("bias", kinds.b_ih, (*lead, count * hidden))
    if kinds.w_ih is None and x_shape[-1] != count * hidden:
        raise ValueError(
            f"x_proj has shape {x_shape}, expected a last axis of G*H = {count} * {hidden} = "
            f"{count * hidden} to fit {name} of shape {part}"
        )


def check_rows(cell: Cell, variant: str, kinds: Kinds) -> None:
    """Raise unless states, resets and extra inputs fit the rest, whose shapes have been checked.

    Raises:
        ValueError: for a shape, a missing input, or one that the variant does not take.
        TypeError: for a dtype or a device.

    """
    *lead, steps, batch, _ = kinds.x_proj.shape
    hidden = weight_kind(kinds).shape[-2]
    states = _check_states(cell, kinds.states, (*lead, batch, hidden))
    _expect("resets", kinds.resets, (*lead, steps, batch))
    known = cell.variants[variant].extras
    for name, extra in known.items():
        shape = (*lead, steps, batch) if extra.axes == "TB" else (*lead, hidden)
        _expect(name, kinds.extras.get(name), shape)
        if extra.required and name not in kinds.extras:
            needed = " and ".join(name for name, extra in known.items() if extra.required)
            raise ValueError(f"variant {variant!r} of {cell.name} needs {needed}")
    if not kinds.extras.keys() <= known.keys():
        unknown = ", ".join(sorted(kinds.extras.keys() - known.keys()))
        takes = ", ".join(known) or "no extra input"
        raise ValueError(f"variant {variant!r} of {cell.name} takes {takes}, got {unknown}")
    _check_types(kinds, {
        "weight_ih": kinds.w_ih, "bias": kinds.b_ih,
        "weight": kinds.dense, "W1": kinds.w1, "W2": kinds.w2,
        "mask": kinds.mask, "resets": kinds.resets, **states, **kinds.extras,
    })  # fmt: skip


def _check_states(
    cell: Cell, given: tuple[Kind | None, ...] | None, shape: tuple[int, ...]
) -> dict[str, Kind | None]:
    """The states by name; none where they are left out."""
    if given is None:
        return {}
    if len(given) != len(cell.states):
        raise ValueError(f"{len(given)} states for {cell.name}, expected {len(cell.states)}")
    states = dict(zip((f"{name}0" for name in cell.states), given, strict=True))
    for name, state in states.items():
        if state is None:
            raise ValueError(f"{name} is None, expected {shape}: give every state, or none")
        _expect(name, state, shape)
    return states


def _check_types(kinds: Kinds, named: Mapping[str, Kind | None]) -> None:
    dtype, device, leader = kinds.x_proj.dtype, kinds.x_proj.device, input_name(kinds)
    if dtype not in _DTYPES:
        raise TypeError(f"{leader} is {dtype}, expected float32, float64, bfloat16 or float16")
    for name, kind in named.items():
        if kind is None:
            continue
        agrees = kind.dtype == dtype or (dtype in LOW and kind.dtype == torch.float32)
        if not agrees and name not in _FLAGS:
            raise TypeError(f"{name} is {kind.dtype} but {leader} is {dtype}: they must agree")
        if kind.device != device:
            raise TypeError(
                f"{name} is on {kind.device} but {leader} is on {device}: move it there"
            )


def _expect(name: str, kind: Kind | None, shape: tuple[int, ...]) -> None:
    if kind is not None and tuple(kind.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(kind.shape)}, expected {shape}")
