"""Stand-ins for the low-rank sparse core: each takes away one way in which it differs from dense.

What they make of a core's rank and sparsity is told in docs/layers/controls.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.counting import count_parameters, matched_hidden_size
from lrs_lightning.nn.heads import make_head
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.recurrent_core import Control, RecurrentOptions, register_control
from lrs_lightning.nn.theory import spectral_radius

if TYPE_CHECKING:
    import gymnasium as gym


@register_control
@dataclass(frozen=True)
class Dense(Control):
    """Same hidden size, no prior."""

    name: ClassVar[str] = "dense"

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer."""
        return dense(core, input_size)


@register_control
@dataclass(frozen=True)
class Rescaled(Control):
    """Dense, initialised at the prior's spectral radius."""

    name: ClassVar[str] = "rescaled"

    def check(self, core: RecurrentOptions) -> None:
        """Refuse an initialisation whose radius has no closed form."""
        if core.init == "uniform":
            raise ArgumentError(
                "control is 'rescaled' with init 'uniform': the spectral radius has a closed form "
                "for 'orthogonal' and 'glorot' alone."
            )

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer with smaller initial matrices."""
        size, init = core.hidden_size, core.init
        radius = spectral_radius(size, core.rank, core.sparsity, init)
        scale = radius / spectral_radius(size, None, 0.0, init)
        return dense(core, input_size, recurrent_scale=scale)


@register_control
@dataclass(frozen=True)
class Truncated(Control):
    """Trained dense, then cut to the rank in evaluation."""

    name: ClassVar[str] = "truncated"

    def check(self, core: RecurrentOptions) -> None:
        """Refuse a core without a rank."""
        if core.rank is None:
            raise ArgumentError("control is 'truncated' without a rank: give the rank to cut to.")

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer that evaluation truncates."""
        return dense(core, input_size, eval_rank=core.rank)


@register_control
@dataclass(frozen=True)
class Pruned(Control):
    """Trained dense, then its smallest weights cut to the sparsity in evaluation."""

    name: ClassVar[str] = "pruned"

    def check(self, core: RecurrentOptions) -> None:
        """Refuse a core without sparsity."""
        if core.sparsity == 0:
            raise ArgumentError("control is 'pruned' with sparsity 0: give the fraction to prune.")

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer that evaluation prunes."""
        return dense(core, input_size, eval_sparsity=core.sparsity)


@register_control
@dataclass(frozen=True)
class NoRecurrence(Control):
    """The same cell whose recurrent matrices are zero and stay so."""

    name: ClassVar[str] = "no-recurrence"

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer with matrices of zeros that are not trained."""
        layer = dense(core, input_size, recurrent_scale=0.0)
        for depth in range(layer.num_layers):
            for weight in layer.stored_weight(depth):
                weight.requires_grad_(False)
        return layer


class _Matched(Control):
    """Dense with fewer units, so that as many parameters are free as with the prior."""

    @abstractmethod
    def count(self, layer: LRSLayer, head: nn.Module) -> int:
        """The parameters that shall be as many."""

    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the dense layer of the size that comes nearest."""

        def count(make: Callable[[], LRSLayer]) -> int:
            with torch.device("meta"):
                layer = make()
                return self.count(layer, make_head(layer.output_size, action_space))

        size = matched_hidden_size(
            count(lambda: core.layer(input_size)),
            lambda size: count(lambda: dense(core, input_size, hidden_size=size)),
            core.hidden_size,
        )
        return dense(core, input_size, hidden_size=size)


@register_control
@dataclass(frozen=True)
class MatchedRecurrent(_Matched):
    """Dense with fewer units: as many free recurrent parameters."""

    name: ClassVar[str] = "matched-recurrent"

    def count(self, layer: LRSLayer, head: nn.Module) -> int:
        """Those of the recurrent matrices."""
        return count_parameters(layer).recurrent_free


@register_control
@dataclass(frozen=True)
class MatchedTotal(_Matched):
    """Dense with fewer units: as many parameters of core and head together."""

    name: ClassVar[str] = "matched-total"

    def count(self, layer: LRSLayer, head: nn.Module) -> int:
        """Those of core and head."""
        own = sum(parameter.numel() for parameter in head.parameters())
        return count_parameters(layer).total_free + own


def dense(core: RecurrentOptions, input_size: int, **changes: Any) -> LRSLayer:
    """The core's layer without its prior; `changes` are further arguments of the layer."""
    return core.layer(input_size, rank=None, sparsity=0.0, **changes)
