"""Whose dynamics are looked at: an encoder, recurrent layers and a head, of any origin."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.errors import DataError
from lrs_lightning.nn import RecurrentPolicy

Array = NDArray[Any]
_CHUNK = 256  # pictures that are encoded at once


@dataclass(frozen=True)
class Subject:
    """A policy taken apart.

    Args:
        layer: an LRS layer, or `torch.nn.RNN`, `GRU` or `LSTM`.
        recurrence: its equations, in float64.
        encode: from observations `(M, *observation)` to features `(M, I)`; they enter as they are
            by default.
        read_out: from the last layer's h `(..., P)` to actions or logits `(..., A)`.
        head: the linear part of it, `(A, P)`.

    Example:
        >>> subject = Subject.of_layer(nn.LSTM(5, 16))
        >>> subject.features([np.zeros((100, 5)), np.zeros((80, 5))])[0].shape
        torch.Size([100, 2, 5])
    """

    layer: nn.Module
    recurrence: Recurrence
    encode: Callable[[Tensor], Tensor] = lambda observations: observations.flatten(1)
    read_out: Callable[[Tensor], Tensor] | None = None
    head: Tensor | None = None

    @classmethod
    def of_policy(cls, policy: RecurrentPolicy, timespan: float | None = None) -> Subject:
        """Take one of our policies apart.

        Args:
            policy: one of ours, with memory.
            timespan: how long a step lasts in its unit of time; one where None.

        Raises:
            ArgumentError: a policy without memory.
            DataError: weights that are not finite.
        """
        layer = recurrent_layer(policy)
        head: Any = copy.deepcopy(policy.head).to(device="cpu", dtype=torch.float64)
        head = head.requires_grad_(False).eval()
        encoder = copy.deepcopy(policy.encoder).cpu().eval()
        recurrence = Recurrence.of(layer, timespan=1.0 if timespan is None else timespan)
        return cls(layer, recurrence, encoder, head, head.dense.weight)

    @classmethod
    def of_layer(
        cls,
        layer: nn.Module,
        encode: Callable[[Tensor], Tensor] | None = None,
        head: nn.Linear | None = None,
    ) -> Subject:
        """A layer, ours or torch's, with what stands before and behind it."""
        recurrence = Recurrence.of(layer)
        found = cls(layer, recurrence) if encode is None else cls(layer, recurrence, encode)
        if head is None:
            return found
        own = copy.deepcopy(head).to(device="cpu", dtype=torch.float64).requires_grad_(False)
        return cls(layer, recurrence, found.encode, own, own.weight)

    @torch.no_grad()
    def features(self, observations: Sequence[Array]) -> tuple[Tensor, Tensor]:
        """Features of whole episodes, side by side and padded with zeros.

        Args:
            observations: of each episode, `(L, *observation)`.

        Returns:
            Features `(T, N, I)` in float64, and bool `(T, N)`: which steps exist.

        Raises:
            DataError: no step at all.
        """
        lengths = [len(episode) for episode in observations]
        if not lengths or not max(lengths):
            raise DataError("trajectories are empty: play or give at least one step")
        encoded = [self._encode(episode) for episode in observations if len(episode)]
        padded = encoded[0].new_zeros(max(lengths), len(lengths), encoded[0].shape[-1])
        valid = torch.zeros(padded.shape[:2], dtype=torch.bool)
        filled = iter(encoded)
        for n, length in enumerate(lengths):
            if length:
                padded[:length, n] = next(filled)
                valid[:length, n] = True
        return padded, valid

    def _encode(self, episode: Array) -> Tensor:
        parts = [
            self.encode(_tensor(episode[start : start + _CHUNK]))
            for start in range(0, len(episode), _CHUNK)
        ]
        return torch.cat(parts).double()


def recurrent_layer(policy: RecurrentPolicy) -> nn.Module:
    """The recurrent layer of a policy."""
    return policy.core


def _tensor(array: Array) -> Tensor:
    """Bytes as they are, numbers in float32, the type of the encoders."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.float() if tensor.is_floating_point() else tensor
