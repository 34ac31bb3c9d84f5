"""Calls of all kinds on a GPU that is only pretended, and a record of what its driver is told.

Nothing is compiled, which is not what this is about.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from triton import compiler
from triton.compiler import CompiledKernel

from benchmarks.pretended_gpu import Launcher, pretend
from lrs_kernels import find_cell
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.triton import launch

P, T, B, H, R = 2, 3, 5, 20, 4
CELLS = {"cfc": ("paper", 3), "lstm": ("standard", 4), "gru": ("standard", 3), "rnn": ("relu", 1)}

Seen = list[tuple[Any, ...]]
seen: Seen = []
tensors: list[list[Tensor]] = []


class Recording(Launcher):
    """Keeps what it is told to launch, and calls hooks as the real one does."""

    def __call__(self, x: int, y: int, z: int, *rest: Any) -> None:
        stream, _, _, metadata, enter, leave, *arguments = rest
        for hook in (enter, leave):
            if hook is not None:
                hook(metadata)
        given = [part for part in arguments if isinstance(part, Tensor)]
        assert not any(part.dtype == torch.bool for part in given)
        assert all(part.stride(-1) == 1 for part in given if part.shape[-1] > 1)
        # Only what is read step by step may have gaps; members may share their weights.
        first = arguments[0]
        others = [part for part in given if part is not first]
        assert all(part.is_contiguous() or part[0].is_contiguous() for part in others)
        kinds = ["tensor" if isinstance(part, Tensor) else part for part in arguments]
        tensors.append(given)
        seen.append((id(self), x, y, z, stream, *kinds))


class Uncompiled(CompiledKernel):  # type: ignore[misc]
    """What Triton has after it has compiled and loaded a kernel, but for the code."""

    def __init__(self, source: Any) -> None:
        self.src, self.name, self.metadata = source, source.fn.__name__, None
        self.module = self.function = 1
        self.packed_metadata = 4, 1, 0
        self._run = Recording(source, None)


def moved(tensor: Tensor, elements: int) -> Tensor:
    """The same so many elements further from an aligned place."""
    space = torch.zeros(tensor.numel() + elements, dtype=tensor.dtype)
    return space[elements:].view(tensor.shape).copy_(tensor)


def example(
    cell: str, batch: int = B, steps: int = T, dtype: torch.dtype = torch.float32
) -> Inputs:
    """A masked low-rank population."""
    gates = CELLS[cell][1]
    shapes: dict[str, tuple[int, ...]] = {
        "x_proj": (P, steps, batch, gates * H), "w1": (P, gates, H, R), "w2": (P, gates, R, H),
        "mask": (P, gates, H, H), "h0": (P, batch, H),
    }  # fmt: skip
    if cell == "lstm":
        shapes["c0"] = P, batch, H
    if cell == "gru":
        shapes["bias_n"] = P, H
    made = {name: torch.randn(*shape, dtype=dtype) for name, shape in shapes.items()}
    return Inputs(**({"dense": None, "w1": None, "w2": None, "mask": None} | made))  # type: ignore[arg-type]


def variations(cell: str) -> Iterator[tuple[Inputs, dict[str, Any]]]:
    """Calls, each unlike the first in one respect."""
    plain = example(cell)
    x, h0, w1 = plain.x_proj, plain.h0, plain.w1
    assert w1 is not None and plain.mask is not None
    rows = (P, T, B)
    yield plain, {}
    for name, elements in itertools.product(("x_proj", "h0", "w1", "mask"), (1, 2, 4)):
        yield plain._replace(**{name: moved(getattr(plain, name), elements)}), {}
    yield plain._replace(x_proj=x.transpose(1, 2).contiguous().transpose(1, 2)), {}
    yield plain._replace(x_proj=torch.randn(*rows, x.shape[-1] + 1)[..., :-1]), {}
    yield plain._replace(x_proj=torch.randn(1, *rows[1:], x.shape[-1]).expand_as(x)), {}
    yield plain._replace(h0=h0.mT.contiguous().mT), {}
    yield plain._replace(w1=w1.mT.contiguous().mT), {}
    yield plain._replace(w1=w1[:1].expand_as(w1), mask=plain.mask[:1].expand_as(plain.mask)), {}
    yield plain._replace(mask=None), {}
    yield plain._replace(mask=plain.mask > 0), {}
    yield plain._replace(w1=None, w2=None, dense=torch.randn(P, w1.shape[1], H, H)), {}
    yield plain._replace(resets=torch.rand(rows) < 0.5), {}
    if cell == "cfc":
        yield plain._replace(timespans=torch.rand(rows)), {}
        yield plain._replace(timespans=torch.rand(rows)), {"save_time": True}
    yield Inputs(*(None if part is None else part[0] for part in plain)), {}  # type: ignore[arg-type]
    yield example(cell, batch=1), {}
    yield example(cell, batch=16), {}
    yield example(cell, steps=1), {}
    yield example(cell, dtype=torch.bfloat16), {}
    yield example(cell, dtype=torch.float64), {}
    for precision in ("ieee", "tf32", "tf32x3"):
        yield plain, {"precision": precision}


def run(
    cell: str,
    inputs: Inputs,
    precision: str = "bf16",
    before: Callable[[], None] = lambda: None,
    **options: Any,
) -> None:
    """Without a trace, with one, and back from that; something is done before each."""
    recurrence = Recurrence(find_cell(cell), CELLS[cell][0], precision)
    before()
    launch.forward(recurrence, inputs, save=False)
    before()
    trace = launch.forward(recurrence, inputs, **options)
    without = inputs.without_x_proj()
    for dy in (torch.ones(()).to(trace.states.dtype).expand_as(trace.states), None):
        before()
        launch.backward(recurrence, without, trace, Upstream(dy, torch.ones_like(inputs.h0)))


def launches(work: Callable[[], None]) -> Seen:
    """What the driver is told meanwhile."""
    seen.clear()
    work()
    return list(seen)


def begin() -> None:
    """Let this process believe in the GPU; its kernels must not be interpreted."""
    pretend(Recording)
    compiler.compile = lambda source, **_: Uncompiled(source)
