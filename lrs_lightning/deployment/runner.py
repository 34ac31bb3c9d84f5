"""An exported policy as it is run to be checked: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from lrs_lightning.deployment.interface import Interface

Array = NDArray[Any]


class Stepped(NamedTuple):
    """What comes of a step."""

    action: Array
    state: tuple[Array, ...]
    outputs: Array
    """Logits where actions are discrete, else the action."""

    @classmethod
    def of(cls, found: Sequence[Array], interface: Interface) -> Stepped:
        """From the outputs of a file, in the order of `Interface.outputs`."""
        action, *state = found
        outputs = state.pop() if interface.discrete else action
        return cls(action, tuple(state), outputs)


class Runner(Protocol):
    """Called with the inputs of `Interface`; `dt` and `reset` by name, where they are there.

    The state of a file that takes no `reset` is zeroed before, where an episode begins.
    """

    def __call__(self, observation: Array, state: tuple[Array, ...], **options: Array) -> Stepped:
        """Take a step of all rows."""
