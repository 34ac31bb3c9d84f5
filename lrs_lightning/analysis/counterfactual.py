"""A policy one of whose gates reads the clean sensors while the rest reads the shifted ones.

If a CfC's F adapts to a shift, then F that is kept from seeing it must harm the return. Holding F
at its mean cannot tell: that breaks clean play as well. Here F stays alive and only reads what it
would have read in the clean world. Where a shift changes no observation, nothing changes.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.analysis.subject import recurrent_layer
from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.nn import RecurrentPolicy

Array = NDArray[Any]


class CleanGatePolicy:
    """A policy for the rollout, which shows it the clean observations beside the shifted ones.

    Args:
        policy: one of ours, with memory.
        gates: names of gates of its first recurrent layer that read the clean observation, e.g.
            `["F"]`; none plays as the policy does.
        action_space: of the task.
        timespan: how long a step lasts in the policy's unit of time; one where None.

    Raises:
        UnknownNameError: a gate that the cell does not have.
        ArgumentError: a policy without memory.
    """

    rows_apart = False  # products of a library

    def __init__(
        self,
        policy: RecurrentPolicy,
        gates: Sequence[str],
        action_space: gym.Space[Any] | None = None,
        timespan: float | None = None,
    ) -> None:
        timespan = 1.0 if timespan is None else timespan
        self.recurrence = Recurrence.of(recurrent_layer(policy), torch.float32, timespan)
        names = self.recurrence.cells[0].names
        for gate in gates:
            if gate not in names:
                raise UnknownNameError("gate", gate, names)
        self.gates, self.action_space = tuple(gates), action_space
        self._reading = torch.tensor([name in gates for name in names])
        self._encoder = copy.deepcopy(policy.encoder).cpu().float().eval()
        self._head = copy.deepcopy(policy.head).cpu().float().eval()
        self._clean: Array | None = None
        self.fingerprint = _digest(policy, self.gates)

    def observe_clean(self, observations: Array) -> None:
        """What unshifted sensors show now, `(N, ...)`; the rollout calls this before `step`."""
        self._clean = observations

    def initial_state(self, num_envs: int) -> Tensor:
        """The whole state `(N, S)`, zero."""
        return torch.zeros(num_envs, self.recurrence.state_size)

    @torch.inference_mode()
    def step(
        self, observations: Array, state: Tensor, starts: NDArray[np.bool_]
    ) -> tuple[Array, Tensor]:
        """Actions `(N, A)`, or `(N,)` of a discrete space, and the new state."""
        if self._clean is None:
            raise ArgumentError(
                "a policy with clean gates was not shown the clean observations: play it with "
                "lrs_lightning.rollout, or call observe_clean before each step"
            )
        clean, self._clean = self._clean, None
        state = state.masked_fill(torch.from_numpy(starts).unsqueeze(1), 0)
        cells, parts = self.recurrence.cells, self.recurrence.split(state)
        seen, calm = (cells[0].project(self._features(o)) for o in (observations, clean))
        reading = self._reading.unsqueeze(1)  # (G, 1)
        x_proj = torch.where(reading, cells[0].by_gate(calm), cells[0].by_gate(seen)).flatten(1)
        news: list[Tensor] = []
        for depth, (cell, old) in enumerate(zip(cells, parts, strict=True)):
            if depth:
                x_proj = cell.project(news[-1][:, : cells[depth - 1].output_size])
            news.append(cell.activate(x_proj, old).after)
        outputs = self._head(news[-1][:, : cells[-1].output_size])
        return self._head.decide(outputs).numpy(), torch.cat(news, -1)

    def _features(self, observations: Array) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(observations))
        encoded: Tensor = self._encoder(tensor.float() if tensor.is_floating_point() else tensor)
        return encoded


def _digest(policy: RecurrentPolicy, gates: Sequence[str]) -> str:
    """Tells two counterfactuals of one name apart: weights and gates."""
    digest = hashlib.sha256(",".join(gates).encode())
    for tensor in policy.state_dict().values():
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def clean_gate_name(policy: str, gate: str) -> str:
    """What a policy is called whose gate reads clean sensors."""
    return f"{policy} ({gate} clean)"


def with_clean_gates(
    name: str,
    policy: RecurrentPolicy,
    action_space: gym.Space[Any],
    gates: Sequence[str] | None = None,
    timespan: float | None = None,
) -> dict[str, CleanGatePolicy]:
    """A counterfactual for each gate, by name.

    Args:
        name: of the policy.
        policy: one of ours, with memory.
        action_space: of the task.
        gates: which ones; all gates of the first recurrent layer by default.
        timespan: how long a step lasts in the policy's unit of time; one where None.
    """
    names = Recurrence.of(recurrent_layer(policy)).cells[0].names if gates is None else gates
    return {
        clean_gate_name(name, gate): CleanGatePolicy(policy, [gate], action_space, timespan)
        for gate in names
    }
