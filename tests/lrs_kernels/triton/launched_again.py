"""Run as a program: launches that remember equal launches for which Triton is asked.

On a GPU that is only pretended, and with nothing compiled, which is not what this is about. What is
compared is all that a driver is given: which kernel, grid, stream, every number, and what is None.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from triton import compiler, knobs
from triton.compiler import CompiledKernel
from triton.runtime import driver

from benchmarks.pretended_gpu import Launcher, pretend
from lrs_kernels import find_cell
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.triton import launch, start
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.scan import scan_forward_kernel
from lrs_kernels.triton.prepared import prepared_backward, prepared_forward

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


def forget() -> None:
    """Ask Triton again from now on."""
    start._compiled.clear()
    prepared_forward.cache_clear()
    prepared_backward.cache_clear()


def check_that_remembered_launches_equal_those_of_triton() -> None:
    calls = [(cell, *call) for cell in CELLS for call in variations(cell)]

    def all_of_them(before: Callable[[], None] = lambda: None) -> None:
        for cell, inputs, options in calls:
            run(cell, inputs, before=before, **options)

    all_of_them()
    again = launches(all_of_them)
    asked = launches(lambda: all_of_them(forget))
    assert len(again) >= 4 * len(calls)
    for one, other in zip(again, asked, strict=True):
        assert one == other, (one, other)


def check_that_tensors_are_those_of_the_call() -> None:
    first, second = example("rnn"), example("rnn")
    for inputs in (first, second, first):
        tensors.clear()
        run("rnn", inputs)
        assert all(given[0] is inputs.x_proj for given in tensors[:2])
        assert all(any(part is inputs.w1 for part in given) for given in tensors)
    written = [given[5] for given in tensors[:2]]
    assert written[0].data_ptr() != written[1].data_ptr()


def check_that_another_batch_compiles_nothing() -> None:
    run("cfc", example("cfc", batch=6))
    compiled = scan_forward_kernel.device_caches[0][0]
    known = len(compiled)
    for batch in (7, 9, 11, 130):
        run("cfc", example("cfc", batch=batch, steps=batch))
    assert len(compiled) == known


def check_that_hooks_are_called() -> None:
    inputs = example("cfc")
    run("cfc", inputs)
    told: list[str] = []

    def entering(metadata: Any) -> None:
        told.append(metadata.get()["name"])

    def leaving(_: Any) -> None:
        told.append("end")

    runtime = knobs.runtime
    runtime.launch_enter_hook.add(entering)
    run("cfc", inputs)
    runtime.launch_exit_hook.add(leaving)
    run("cfc", inputs)
    runtime.launch_enter_hook.remove(entering)
    run("cfc", inputs)
    runtime.launch_exit_hook.remove(leaving)
    run("cfc", inputs)
    names = ["scan_forward_kernel"] * 2 + ["scan_backward_kernel"] * 2
    both = [word for name in names for word in (name, "end")]
    assert told == [*names, *both, *["end"] * 4], told


def check_that_threads_do_not_mix() -> None:
    """Each launches sizes of its own, and all at once forget what they know."""
    calls = [example("lstm", batch=8 * n + 1, steps=n) for n in range(1, 9)]
    expected = [launches(partial(run, "lstm", inputs)) for inputs in calls]
    forget()
    seen.clear()

    def many(inputs: Inputs) -> None:
        for _ in range(30):
            run("lstm", inputs)

    threads = [threading.Thread(target=many, args=(inputs,)) for inputs in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = [one for launched in expected for one in launched for _ in range(30)]
    assert sorted(map(repr, seen)) == sorted(map(repr, wanted))


def check_that_the_current_stream_is_taken() -> None:
    inputs = example("rnn")
    run("rnn", inputs)
    active = driver.active
    for current in (7, 8):
        active.get_current_stream = lambda _, current=current: current
        assert {one[4] for one in launches(partial(run, "rnn", inputs))} == {current}
    del active.get_current_stream
    assert {one[4] for one in launches(partial(run, "rnn", inputs))} == {0}


def check_that_devices_share_no_code() -> None:
    inputs = example("gru")
    run("gru", inputs)
    one = launches(partial(run, "gru", inputs))
    prepared_forward.cache_clear()
    prepared_backward.cache_clear()
    active = driver.active
    active.get_current_device = lambda: 1
    other = launches(partial(run, "gru", inputs))
    del active.get_current_device
    assert [a[1:] for a in one] == [b[1:] for b in other]
    assert all(a[0] != b[0] for a, b in zip(one, other, strict=True))


def check_that_what_a_call_makes_need_not_be_aligned() -> None:
    """As an allocator of a user's own may have it."""
    plain = example("cfc")
    inputs = plain._replace(resets=torch.rand(P, T, B) < 0.5, timespans=torch.rand(P, T, B))
    where = [(launch, "empty"), (launch, "flags"), (ops, "made")]
    for (module, name), precision in zip(where, ("bf16", "bf16", "ieee"), strict=True):
        work = partial(run, "cfc", inputs, precision)
        even = launches(work)
        usual = getattr(module, name)

        def odd(*arguments: Any, usual: Callable[..., Any] = usual) -> Any:
            found = usual(*arguments)
            if isinstance(found, Tensor):
                return moved(found, 1)
            parts = [None if part is None else moved(part, 1) for part in found]
            return type(found)(*parts) if isinstance(found, ops.Weights) else parts

        setattr(module, name, odd)
        again = launches(work)
        asked = launches(partial(work, forget))
        setattr(module, name, usual)
        assert again == asked
        assert all(a[0] != b[0] for a, b in zip(again, even, strict=True))
        assert launches(work) == even


if __name__ == "__main__":
    pretend(Recording)
    compiler.compile = lambda source, **_: Uncompiled(source)
    checks = [check for name, check in list(globals().items()) if name.startswith("check_that")]
    for check in checks:
        check()
        print(check.__name__)
