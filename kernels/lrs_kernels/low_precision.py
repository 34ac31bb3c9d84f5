"""Tensors in bfloat16 or float16, as modules have them after `module.bfloat16()`.

A sum over a thousand steps needs more digits than either type has. So the Triton kernels read and
write bfloat16 and keep state and sums in float32 on the way; everything else is computed in
float32 and rounded where it enters and leaves. Autocast is another matter: there the parameters are
float32, and a scan lifts what was lowered (`scan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import States
from lrs_kernels.passes import Entry
from lrs_kernels.recurrent import Recurrent

LOW = (torch.bfloat16, torch.float16)

_Group = TypeVar("_Group", bound=tuple[Tensor | None, ...])


class Given(NamedTuple):
    """The tensors of a scan as its caller gave them; `resets` are no numbers."""

    entry: Entry
    recurrent: Recurrent
    states: States
    extras: Mapping[str, Tensor]

    def to(self, dtype: torch.dtype) -> Given:
        """All of them in one type, differentiable."""
        states = tuple([part.to(dtype) for part in self.states])
        extras = {name: part.to(dtype) for name, part in self.extras.items()}
        return Given(all_in(self.entry, dtype), all_in(self.recurrent, dtype), states, extras)


def all_in(group: _Group, dtype: torch.dtype) -> _Group:
    """A named tuple of tensors with all numbers in one type; flags stay as they are."""
    parts: Any = [p if p is None or not p.is_floating_point() else p.to(dtype) for p in group]
    return type(group)(*parts)
