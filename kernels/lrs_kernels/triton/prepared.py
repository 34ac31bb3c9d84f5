"""What calls whose tensors look alike have in common, prepared at the first of them.

The functions below see looks alone (`looks.py`), so what they prepare depends on no contents, mode
or stream, and holds no tensor. Sizes without end push out the oldest; a kernel that Triton has
compiled for them is found again (`start.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.passes import Inputs, Trace, Upstream
from lrs_kernels.triton.blocks import Block
from lrs_kernels.triton.choice import Call, Choice, choose
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.looks import Layout, Look
from lrs_kernels.triton.operands import member_strides
from lrs_kernels.triton.packing import inputs_are_packed, upstream_is_packed
from lrs_kernels.triton.start import Arguments, start, start_again
from lrs_kernels.triton.table import Direction

Asked = tuple[Cell, str, str, torch.device, Callable[..., Plan]]
"""Cell, variant and precision; the device of the tensors; and who plans, `choice.plan`."""
_READ: tuple[Any, ...] = (Upstream, Trace, Inputs)
"""By a backward pass, in this order."""


@dataclass(eq=False)
class Prepared:
    """A kind of pass.

    Attributes:
        choice: the kernel.
        packed: whether all tensors but weights and resets lie as kernels read them; if not, what
            follows is of no use.
        strides: of P, T and B, of the sequence that may have any.
        members: strides from member to member of left, right and mask, if kernels read the weights
            as they are stored; None where they have to be made first.
        sizes: T and B.
        written: the results, in the order of `Trace` or of `Grads`.
        compiled: what Triton has compiled for tensors of these looks, once it has been asked.

    """

    choice: Choice
    packed: bool
    strides: tuple[int, ...]
    members: tuple[int, ...] | None
    sizes: tuple[int, ...]
    written: tuple[Block | None, ...]
    compiled: Any = None

    @property
    def in_steps(self) -> bool:
        """Whether it takes a launch for each step."""
        return self.choice.plan.path == "step"

    def start(self, kernel: Any, arguments: Arguments, made: Iterable[Tensor | None]) -> None:
        """Launch the kernel on the current device.

        Args:
            kernel: a function of Triton's.
            arguments: all of them but `K`.
            made: those among them that nobody has looked at, because this call has made them.

        """
        addresses = 0
        for tensor in made:
            if tensor is not None:
                addresses |= tensor.data_ptr()
        if addresses % 16:  # from an allocator of the user's own
            start(kernel, self.choice, arguments)
        elif self.compiled is None:
            self.compiled = start(kernel, self.choice, arguments)
        else:
            start_again(self.compiled, self.choice, arguments)


@lru_cache(maxsize=1024)
def prepared_forward(
    asked: Asked, save: bool, save_time: bool, looks: tuple[Look | None, ...]
) -> Prepared:
    """Prepare forward passes.

    Args:
        asked: beside tensors.
        save: as of `launch.forward`.
        save_time: as of `launch.forward`.
        looks: of `Inputs`.

    """
    inputs: Any = Inputs(*_layouts(looks))
    x, h0, c0 = inputs.x_proj, inputs.h0, inputs.c0
    choice = choose(_call(asked, "forward", inputs, x.dtype, (x, h0, c0)))
    hidden, saved = h0.shape[-1], choice.cell.saved
    states = Block.of(x.dtype, *x.shape[:-1], hidden)
    cells = c0 is not None and (save or choice.plan.path == "step")
    written = (  # in the order of `Trace`
        states,
        None if c0 is None else Block.of(c0.dtype, *c0.shape),
        Block.of(x.dtype, *x.shape[:-1], saved * hidden) if save and saved else None,
        states if cells else None,
        states if save_time else None,
    )
    return Prepared(
        choice, x.inner_contiguous and inputs_are_packed(inputs), x.sequence_strides,
        member_strides(choice, inputs), x.shape[-3:-1], written,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def prepared_backward(asked: Asked, looks: tuple[Look | None, ...]) -> Prepared:
    """Prepare backward passes.

    Args:
        asked: beside tensors.
        looks: of `Upstream`, `Trace` and `Inputs`, one after the other.

    Raises:
        ValueError: if the forward pass saved nothing.

    """
    layouts = iter(_layouts(looks))
    upstream, trace, inputs = (  # as many as each has, in its order
        group(*islice(layouts, len(group._fields))) for group in _READ
    )
    y, h0, c0 = trace.states, inputs.h0, inputs.c0
    units = (*upstream, y, trace.gates, trace.cells, trace.time, h0, c0)
    choice = choose(_call(asked, "backward", inputs, y.dtype, units))
    if choice.cell.saved and trace.gates is None:
        raise ValueError("the forward pass kept no gates: run it with save=True")
    dz = Block.of(y.dtype, *y.shape[:-1], choice.cell.gates * h0.shape[-1])
    written = (  # in the order of `Grads`
        dz,
        Block.of(h0.dtype, *h0.shape),
        None if c0 is None else Block.of(c0.dtype, *c0.shape),
        None if trace.time is None else Block.of(y.dtype, *y.shape[:-1]),
        dz if choice.cell.after >= 0 else None,
    )
    packed = upstream_is_packed(upstream) and inputs_are_packed(inputs)
    strides = (0, 0, 0) if upstream.dy is None else upstream.dy.sequence_strides
    members = member_strides(choice, inputs)
    return Prepared(choice, packed, strides, members, y.shape[-3:-1], written)


def _layouts(looks: tuple[Look | None, ...]) -> list[Any]:
    return [None if look is None else Layout(*look) for look in looks]


def _call(
    asked: Asked,
    direction: Direction,
    inputs: Any,
    dtype: torch.dtype,
    units: Iterable[Layout | None],
) -> Call:
    """The kind of call; `units` are all tensors of units that the kernel reads."""
    cell, variant, precision, device, _ = asked
    *members, batch, hidden = inputs.h0.shape
    *_, gates, _, rank = (inputs.w1 if inputs.dense is None else inputs.dense).shape
    return Call(
        cell, variant, gates, direction, members[0] if members else 1, batch, hidden,
        None if inputs.w1 is None else rank, inputs.mask is not None, dtype, precision, device,
        hidden % 2 == 0 and all(part is None or part.in_pairs for part in units),
    )  # fmt: skip
