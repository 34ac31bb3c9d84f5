"""One step of a policy as a module to be exported: plain operations, as few as there can be.

What `plain.py` knows is written out in them; any other encoder or core goes through as it is.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from lrs_lightning.deployment.cfc_step import with_halved_gate
from lrs_lightning.deployment.interface import Interface
from lrs_lightning.deployment.numpy_policy import NO_ACTION
from lrs_lightning.deployment.plain import (
    PlainCell,
    PlainHead,
    PlainVector,
    is_plain,
    plain_cells,
)
from lrs_lightning.errors import ANY_FAILURE, ArgumentError
from lrs_lightning.nn import LRSLayer, RecurrentPolicy
from lrs_lightning.nn.encoders import VectorEncoder
from lrs_lightning.nn.feedforward import FeedForward
from lrs_lightning.nn.posthoc import dense_layer

State = tuple[Tensor, ...]


class PortablePolicy(nn.Module):
    """A policy in evaluation mode whose every state is given, and whose output is the action.

    Args:
        policy: what acts; it is copied.
    """

    def __init__(self, policy: RecurrentPolicy) -> None:
        super().__init__()
        policy = copy.deepcopy(policy).eval().requires_grad_(False)
        simple = type(policy.encoder) is VectorEncoder
        self.encoder = _Vector(PlainVector.of(policy.encoder)) if simple else policy.encoder  # type: ignore[arg-type]
        self.core = _portable_core(policy.core)
        self.head = _Head(PlainHead.of(policy.head))

    def forward(
        self,
        observation: Tensor,
        state: State,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """The action, the states after it, and the logits where actions are discrete.

        Args:
            observation: raw, `(N, *observation)`.
            state: h, and c of an LSTM, each `(layers, N, size)`; nothing for a core without any.
            dt: times since the last observation, `(N,)`.
            reset: true where an episode begins, `(N,)`.
        """
        y, state = self.core(self.encoder(observation), state, dt, reset)
        outputs, action = self.head(y)
        return (action, *state) if action is outputs else (action, *state, outputs)


def export_program(policy: RecurrentPolicy, interface: Interface) -> ExportedProgram:
    """Record a policy as a program of PyTorch's own operations, called like `PortablePolicy`.

    Raises:
        ArgumentError: the encoder or the core cannot be recorded.
    """
    rows = 2  # one row would be taken for a size that never changes
    observation = torch.zeros(
        (rows, *interface.task.observation_shape), dtype=interface.observation_dtype
    )
    state = tuple(torch.zeros(layers, rows, size) for layers, size in interface.states.values())
    batch = Dim("batch")
    shapes: dict[str, Any] = {"observation": {0: batch}, "state": ({1: batch},) * len(state)}
    options: dict[str, Tensor] = {}
    if interface.dt:
        options["dt"] = torch.ones(rows)
    if interface.reset:
        options["reset"] = torch.zeros(rows, dtype=torch.bool)
    shapes |= {name: {0: batch} for name in options}
    try:
        with torch.no_grad():
            return torch.export.export(
                PortablePolicy(policy), (observation, state), options, dynamic_shapes=shapes
            )
    except ANY_FAILURE as error:  # the tracer has an exception for everything
        reason = " ".join(str(error).split())[:300]
        raise ArgumentError(
            f"the policy cannot be recorded as one step ({reason}): its encoder "
            f"{type(policy.encoder).__name__} and its core {type(policy.core).__name__} must be "
            "operations of PyTorch whose number of rows is open"
        ) from error


def _portable_core(core: nn.Module) -> nn.Module:
    if is_plain(core):
        assert isinstance(core, LRSLayer)
        return _Cells([with_halved_gate(cell) for cell in plain_cells(core)])
    if isinstance(core, FeedForward):
        return _FeedForward(core)
    return _AnyCore(dense_layer(core) if isinstance(core, LRSLayer) else core)


class _Vector(nn.Module):
    """The encoder of vectors."""

    seen: Tensor | None
    mean: Tensor | None

    def __init__(self, plain: PlainVector) -> None:
        super().__init__()
        for name, value in vars(plain).items():
            self.register_buffer(name, value)

    def forward(self, observation: Tensor) -> Tensor:
        """`(N, O)` -> `(N, features)`."""
        x = observation if self.seen is None else observation.index_select(-1, self.seen)
        x = x if self.mean is None else x - self.mean
        return torch.relu(functional.linear(x, self.weight, self.bias))  # type: ignore[arg-type]


class _Cells(nn.Module):
    """Recurrent layers stacked in depth, each one step of its cell."""

    def __init__(self, cells: list[PlainCell]) -> None:
        super().__init__()
        self._cells = cells
        for depth, cell in enumerate(cells):
            for name, value in cell.extras.items():
                self.register_buffer(f"{name}_{depth}", value)
            for name in ("weight_ih", "weight_hh", "bias"):
                self.register_buffer(f"{name}_{depth}", getattr(cell, name))

    def forward(
        self, x: Tensor, state: State, dt: Tensor | None, reset: Tensor | None
    ) -> tuple[Tensor, State]:
        """`(N, I)` and states `(layers, N, H)` -> `(N, H)` and states."""
        if reset is not None:
            state = tuple(_forget(part, reset.unsqueeze(-1)) for part in state)
        after = []
        for depth, cell in enumerate(self._cells):
            only = len(self._cells) == 1
            before = tuple(part.squeeze(0) if only else part[depth] for part in state)
            (x, *rest) = self._step(depth, cell, x, before, dt)
            after.append((x, *rest))
        if len(after) == 1:
            return x, tuple(part.unsqueeze(0) for part in after[0])
        return x, tuple(torch.stack(parts) for parts in zip(*after, strict=True))

    def _step(
        self, depth: int, cell: PlainCell, x: Tensor, state: State, dt: Tensor | None
    ) -> State:
        def mine(name: str) -> Tensor:
            return self.get_buffer(f"{name}_{depth}")

        x_proj = functional.linear(x, mine("weight_ih"), mine("bias"))
        extras = {name: mine(name) for name in cell.extras}
        if dt is not None and cell.timed:
            extras["timespans"] = dt.unsqueeze(-1)
        recur = mine("weight_hh").mT
        return cell.variant.reference(x_proj, lambda h: h @ recur, state, extras)


class _FeedForward(nn.Module):
    """Dense layers on the present, or on the last steps."""

    def __init__(self, core: FeedForward) -> None:
        super().__init__()
        self.layers, self.size = core.layers, core.input_size

    def forward(
        self, x: Tensor, state: State, dt: Tensor | None, reset: Tensor | None
    ) -> tuple[Tensor, State]:
        """`(N, I)` and what was seen before, `(1, N, S)`, oldest first -> `(N, H)` and states."""
        if not state:
            return self.layers(x), ()
        old = state[0].squeeze(0)
        if reset is not None:
            old = _forget(old, reset.unsqueeze(-1))
        seen = torch.cat([old, x], dim=-1)
        return self.layers(seen), (seen[:, self.size :].unsqueeze(0),)


class _AnyCore(nn.Module):
    """A core of somebody else's, with an axis of time around it."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.core = core

    def forward(
        self, x: Tensor, state: State, dt: Tensor | None, reset: Tensor | None
    ) -> tuple[Tensor, State]:
        """`(N, I)` and states -> `(N, H)` and states."""
        given: Any = state[0] if len(state) == 1 else state
        timespans, resets = (None if part is None else part.unsqueeze(0) for part in (dt, reset))
        y, after = self.core(x.unsqueeze(0), given or None, timespans=timespans, resets=resets)
        return y.squeeze(0), (after,) if isinstance(after, Tensor) else tuple(after)


class _Head(nn.Module):
    """Outputs and actions."""

    def __init__(self, plain: PlainHead) -> None:
        super().__init__()
        self._bounded, self._start = plain.bounded, plain.start
        for name in ("weight", "bias", "reach", "middle"):
            self.register_buffer(name, getattr(plain, name))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, H)` -> what the policy puts out, and the action; the same where it is no logits."""
        outputs = functional.linear(y, self.weight, self.bias)  # type: ignore[arg-type]
        if self._start is not None:
            likeliest = outputs.argmax(-1) + self._start
            return outputs, torch.where(outputs.isfinite().all(-1), likeliest, NO_ACTION)
        if self._bounded:
            outputs = torch.tanh(outputs)
            for name, apply in (("reach", torch.mul), ("middle", torch.add)):
                part = getattr(self, name)
                outputs = outputs if part is None else apply(outputs, part)
        return outputs, outputs


def _forget(state: Tensor, rows: Tensor) -> Tensor:
    return torch.where(rows, state.new_zeros(()), state)
