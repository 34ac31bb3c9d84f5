"""Dense layers of which an episode's numbers do not depend on who is played beside it.

The last bits of a library's product depend on how many rows it has, and a closed loop amplifies
them. Within `rows_apart()` the layers here take a product whose every row is summed in one fixed
order (`lrs_kernels.native.linear`); outside of it, in training, they are `torch.nn.Linear`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrs_kernels.native.linear import has_rowwise_linear, rowwise_linear

_wanted = False


@contextmanager
def rows_apart() -> Iterator[None]:
    """Have the dense layers of policies sum row by row for a while, where nothing is trained."""
    global _wanted
    before, _wanted = _wanted, True
    try:
        yield
    finally:
        _wanted = before


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear`; within `rows_apart()`, in inference mode, row by row."""
    if _wanted and torch.is_inference_mode_enabled():
        return rowwise_linear(x, weight, bias)
    return functional.linear(x, weight, bias)


class Dense(nn.Linear):
    """`torch.nn.Linear`, whose rows are computed apart from each other within `rows_apart()`.

    Example:
        >>> layer, x = Dense(3, 2), torch.randn(5, 3)
        >>> with torch.inference_mode(), rows_apart():
        ...     torch.equal(layer(x)[4:], layer(x[4:]))
        True
    """

    @property
    def rows_apart(self) -> bool:
        """Whether this machine, and where the weights are, allow it."""
        return self.weight.device.type == "cpu" and has_rowwise_linear(self.weight.dtype)

    def forward(self, input: Tensor) -> Tensor:
        """`(..., I)` -> `(..., O)`."""
        return linear(input, self.weight, self.bias)


_ELEMENTWISE = ("torch.nn.modules.activation", "torch.nn.modules.container")


def computes_rows_apart(module: nn.Module) -> bool:
    """Whether a policy's rows never meet in a library's product, within `rows_apart()`.

    Every part of it must say so itself, by an attribute `rows_apart`, or be an activation. Parts of
    which nothing is known, convolutions among them, do not count as such.
    """
    return all(
        getattr(part, "rows_apart", False) or type(part).__module__ in _ELEMENTWISE
        for part in module.modules()
    )
