"""The cores to choose from: four recurrent cells, and two cores without recurrence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lrs_lightning.nn import _checks
from lrs_lightning.nn.cfc import MODES, LRSCfC
from lrs_lightning.nn.core import CoreOptions, register_core
from lrs_lightning.nn.feedforward import FeedForward, FrameStack
from lrs_lightning.nn.gate import check_gate
from lrs_lightning.nn.gru import LRSGRU
from lrs_lightning.nn.lstm import LRSLSTM
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.recurrent_core import RecurrentOptions
from lrs_lightning.nn.rnn import LRSRNN, NONLINEARITIES

if TYPE_CHECKING:
    import gymnasium as gym


@register_core
@dataclass(frozen=True)
class CfC(RecurrentOptions):
    """Closed-form continuous-time cell."""

    name: ClassVar[str] = "cfc"
    layer_class: ClassVar[type[LRSLayer]] = LRSCfC

    mode: str = "paper"
    """Equations: paper (G, H, F), or default, no_gate, pure as in ncps."""

    gate: str = "learned"
    """The gate F: learned, frozen (to its training mean, in evaluation) or removed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.choice("CfC mode", self.mode, MODES)
        check_gate(self.gate, self.mode)


@register_core
@dataclass(frozen=True)
class LSTM(RecurrentOptions):
    """Long short-term memory."""

    name: ClassVar[str] = "lstm"
    layer_class: ClassVar[type[LRSLayer]] = LRSLSTM

    forget_bias: float = 1.0
    """Initial bias of the forget gate."""


@register_core
@dataclass(frozen=True)
class GRU(RecurrentOptions):
    """Gated recurrent unit."""

    name: ClassVar[str] = "gru"
    layer_class: ClassVar[type[LRSLayer]] = LRSGRU


@register_core
@dataclass(frozen=True)
class RNN(RecurrentOptions):
    """Vanilla recurrent network."""

    name: ClassVar[str] = "rnn"
    layer_class: ClassVar[type[LRSLayer]] = LRSRNN

    nonlinearity: str = "tanh"
    """tanh or relu."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.choice("nonlinearity", self.nonlinearity, NONLINEARITIES)


@register_core
@dataclass(frozen=True)
class MLP(CoreOptions):
    """Dense layers on the features of the present step: no memory."""

    name: ClassVar[str] = "mlp"

    hidden_size: int = 64
    """Width of every layer, H."""

    num_layers: int = 1
    """How many dense layers; 0 for none: the head is then linear in the features."""

    def __post_init__(self) -> None:
        _checks.positive("hidden_size", self.hidden_size)
        _checks.not_negative("num_layers", self.num_layers)

    def build(self, input_size: int, action_space: gym.Space[Any]) -> FeedForward:
        """Make the layers."""
        return FeedForward(input_size, self.hidden_size, self.num_layers)


@register_core
@dataclass(frozen=True)
class Stack(MLP):
    """Dense layers on the features of the last steps: a memory of fixed length."""

    name: ClassVar[str] = "stack"

    frames: int = 4
    """Steps that the core sees, the present included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("num_layers", "frames"):
            _checks.positive(name, getattr(self, name))

    def build(self, input_size: int, action_space: gym.Space[Any]) -> FrameStack:
        """Make the layers."""
        return FrameStack(input_size, self.hidden_size, self.num_layers, self.frames)
