"""Policies of one architecture in the closed loop: one call a step for all of them.

At the sizes of a policy a step costs mostly its calls. Members of a population are therefore
stacked (`nn.population`) and asked together, each about its own slots. What a member decides is
what it decides alone, to the last bit: only policies are grouped of which every row is computed
apart (`nn.rowwise`), and whose stacked weights are formed in the order of the single ones. Members
of one frozen encoder of pictures have it called for the slots of all, in blocks of as many rows as
it is called with for one of them alone (`rollout.blocks`).

Letters: P members, n slots of a member, K the most that a member has, N all slots, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.errors import ANY_FAILURE
from lrs_lightning.nn import Encoder, RecurrentPolicy
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.nn.population import PolicyPopulation, architecture
from lrs_lightning.nn.rowwise import rows_apart
from lrs_lightning.rollout.blocks import filled, rows_of_a_block
from lrs_lightning.rollout.checks import check_actions
from lrs_lightning.rollout.player import Asked, refuse, told
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.time_limit import time_limit
from lrs_lightning.rollout.torch_policy import TorchPolicy, torch_threads

Array = NDArray[Any]
FEWEST = 8
"""Members that a group has at least; fewer are asked one by one, which is then as fast."""


class Group:
    """One call a step for the slots of several policies.

    Args:
        policies: name -> policy; of one `kind`.
        rows: the slots of each.
        limit: what each call runs in; see `time_limit`.
    """

    def __init__(
        self,
        policies: Mapping[str, TorchPolicy],
        rows: Mapping[str, slice],
        limit: AbstractContextManager[None] | None = None,
    ) -> None:
        self.names, self._rows = list(policies), [rows[name] for name in policies]
        self._first = policies[self.names[0]]
        self._limit = time_limit(None) if limit is None else limit
        self._population = PolicyPopulation([one.module for one in policies.values()]).eval()
        self.rows = [i for own in self._rows for i in range(own.start, own.stop)]
        """The slots of all members."""
        self._most = max(own.stop - own.start for own in self._rows)
        encoder = self._first.module.encoder
        self._encoder: Encoder | None = encoder if self._first.features_apart else None
        self._state: Any = None
        self._fresh, self._has_played = True, False

    def running(self, slots: Asked) -> bool:
        """Whether a member has a running episode."""
        return bool(slots.running[self.rows].any())

    def step(self, seen: Array, slots: Asked, decided: Array, env_id: str) -> str | None:
        """Write the decisions of all members into their rows of `decided (N, ...)`.

        Returns:
            Why there are none; None where there are. The next call then begins with a new state.

        Raises:
            EnvironmentMismatchError: the first call fails.
        """
        try:
            with self._limit:
                actions = self._ask(seen, slots)
        except ANY_FAILURE as error:
            if not self._has_played:
                refuse(self.names[0], error, seen.shape)
            self._fresh = True
            for own in self._rows:
                decided[own] = 0
            return told(error)
        for name, own, found in zip(self.names, self._rows, actions, strict=True):
            mine = found[: own.stop - own.start]
            check_actions(name, mine, decided[own], env_id)
            decided[own] = mine
        self._has_played = True
        return None

    def _stacked(self, part: Array) -> Array:
        """Rows of all members side by side, `(P, K, ...)`; where one has fewer they are zero."""
        whole = np.zeros((len(self._rows), self._most, *part.shape[1:]), part.dtype)
        for own, place in zip(self._rows, whole, strict=True):
            place[: own.stop - own.start] = part[own]
        return whole

    @torch.inference_mode()
    def _ask(self, seen: Array, slots: Asked) -> Array:
        """Actions `(P, K, ...)`."""
        if self._fresh:
            one = self._first.initial_state(self._most)
            self._state, self._fresh = _for_all(one, len(self.names)), False
        first, starts = self._first, self._stacked(slots.starts)
        threads = torch_threads(first.threads_for(seen))
        with threads, rows_apart(), self._population.weights_stay():
            step: Callable[..., tuple[Tensor, Any]] = _step
            known = seen
            if self._encoder is not None:
                step, known = _step_features, self._features(self._encoder, seen, slots.running)
            out, self._state = self._population.run(
                step, first.tensor(self._stacked(known)), self._state, first.tensor(starts),
                first.timespans(starts), axes=(0, None if self._state is None else 0, 0, 0),
            )  # fmt: skip
            return first.decided(out)

    def _features(self, encoder: Encoder, seen: Array, running: Array) -> Array:
        """Features `(N, F)` of the slots of the members that are running; zeros elsewhere."""
        rows = np.array([row for row in self.rows if running[row]])
        size = rows_of_a_block(self._first, seen)
        assert size is not None  # an encoder that needs no blocks is stacked like all the rest
        found: Array | None = None
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            features = encoder(self._first.tensor(filled(seen[block], size))).numpy()
            if found is None:
                found = np.zeros((len(seen), features.shape[1]), features.dtype)
            found[block] = features[: len(block)]
        assert found is not None  # nobody is asked where nothing is running
        return found


def _step(
    policy: RecurrentPolicy, seen: Tensor, state: Any, starts: Tensor, options: dict[str, Tensor]
) -> tuple[Tensor, Any]:
    return policy.step(seen, state, resets=starts, **options)


def _step_features(
    policy: RecurrentPolicy, known: Tensor, state: Any, starts: Tensor, options: dict[str, Tensor]
) -> tuple[Tensor, Any]:
    return policy.step_features(known, state, resets=starts, **options)


def _for_all(state: Any, members: int) -> Any:
    """The state of one member `(layers, K, H)` for each, `(P, layers, K, H)`."""
    if isinstance(state, tuple):
        return tuple(_for_all(part, members) for part in state)
    return None if state is None else state.expand(members, *state.shape).clone()


def groups(
    policies: Mapping[str, Policy], of_policy: Mapping[str, slice]
) -> list[dict[str, TorchPolicy]]:
    """Policies that can be asked together, `FEWEST` and more in a group; others are left out.

    Where an encoder of pictures is shared two are enough: it is most of the work, and its blocks
    are filled by all.
    """
    found: dict[Any, dict[str, TorchPolicy]] = {}
    for name in of_policy:
        policy = policies[name]
        if type(policy) is TorchPolicy and (key := kind(policy)) is not None:
            found.setdefault(key, {})[name] = policy
    return [group for group in found.values() if len(group) >= _fewest(group)]


def _fewest(group: Mapping[str, TorchPolicy]) -> int:
    return 2 if next(iter(group.values())).features_apart else FEWEST


def kind(policy: TorchPolicy) -> Any:
    """What policies of a group have in common; None for one that must be asked alone."""
    module = policy.module
    if type(module) is not RecurrentPolicy or _acts_otherwise(module.core):
        return None
    if not (policy.rows_apart or policy.features_apart):
        return None
    encoder = digest_of(module.encoder) if policy.features_apart else None
    return (
        architecture(module), encoder, policy.timespan, policy.threads, str(policy.action_space)
    )  # fmt: skip


def _acts_otherwise(core: Any) -> bool:
    """Whether a core does in evaluation what cannot be stacked, or not to the last bit."""
    cut = getattr(getattr(core, "compression", None), "active", False)
    held = getattr(core, "gate", "learned") == "frozen"
    return bool(cut or held or not getattr(core, "stacks_exactly", True))
