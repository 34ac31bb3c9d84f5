"""Options of a policy's recurrent core, and the controls that can stand in for its prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lrs_kernels.dispatch import BACKENDS
from lrs_lightning.nn import _checks
from lrs_lightning.nn.choices import Choice, Registry, options_of
from lrs_lightning.nn.connectivity import INITIALISATIONS
from lrs_lightning.nn.core import CoreOptions
from lrs_lightning.nn.recurrent import LRSLayer

if TYPE_CHECKING:
    import gymnasium as gym


class Control(Choice, ABC):
    """Base of the stand-ins for a low-rank sparse core, to compare it with.

    The options of the core stay those of the prior that a control stands in for.
    """

    def check(self, core: RecurrentOptions) -> None:
        """Refuse a core that this control cannot stand in for, with an `ArgumentError`."""

    @abstractmethod
    def build(
        self, core: RecurrentOptions, input_size: int, action_space: gym.Space[Any]
    ) -> LRSLayer:
        """Make the layer that stands in for `core`; see `RecurrentOptions.layer`."""


CONTROLS: Registry[Control] = Registry("control")
"""Controls by name."""

register_control = CONTROLS.register


@dataclass(frozen=True)
class RecurrentOptions(CoreOptions):
    """What all recurrent cores have in common.

    A subclass names its layer and adds the options of its cell as fields; they are handed to the
    layer by their names.
    """

    layer_class: ClassVar[type[LRSLayer]]

    hidden_size: int = 64
    """Units of the core, H."""

    rank: int | None = 8
    """Rank of every recurrent matrix; null for dense."""

    sparsity: float = 0.5
    """Fraction of zeros in the fixed mask of every recurrent matrix, at least 0 and below 1."""

    init: str = "orthogonal"
    """Initial recurrent matrix: orthogonal, glorot or uniform."""

    mask_seed: int = 0
    """Seed of the masks alone."""

    share_mask: bool = False
    """One mask for all gates of a layer."""

    factor_full_rank: bool = False
    """Store two factors even where the rank is the hidden size, not one dense matrix."""

    num_layers: int = 1
    """Layers, stacked in depth."""

    dropout: float = 0.0
    """Probability of dropping outputs between layers, in training."""

    backend: str = "auto"
    """What runs the scan: auto, triton, native, cpu, or reference (slow, differentiable twice)."""

    control: Control | None = None
    """Stand-in for the low-rank sparse core, to compare it with; null for none."""

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers"):
            _checks.positive(name, getattr(self, name))
        _checks.choice("init", self.init, INITIALISATIONS)
        _checks.rank(self.rank, self.hidden_size)
        _checks.fraction("sparsity", self.sparsity)
        _checks.seed("mask_seed", self.mask_seed)
        _checks.probability("dropout", self.dropout)
        _checks.choice("backend", self.backend, BACKENDS)
        if self.control is not None:
            self.control.check(self)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Any:
        """Make the core from plain values; a control is a name or a dictionary."""
        control = options.get("control")
        if control is not None and not isinstance(control, Control):
            options = {**options, "control": CONTROLS.from_dict(control)}
        return cls(**options)

    def build(self, input_size: int, action_space: gym.Space[Any]) -> LRSLayer:
        """Make the layer, or the control's in its place."""
        if self.control is not None:
            return self.control.build(self, input_size, action_space)
        return self.layer(input_size)

    def layer(self, input_size: int, **changes: Any) -> LRSLayer:
        """The layer without any control.

        Args:
            input_size: I.
            **changes: arguments of the layer that replace options: `rank=None` for a dense one.
        """
        options = {key: value for key, value in options_of(self).items() if key != "control"}
        return self.layer_class(input_size, **(options | changes))
