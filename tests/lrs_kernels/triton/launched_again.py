"""Run as a program: launches that remember equal launches for which Triton is asked.

What is compared is all that a driver is given: which kernel, grid, stream, every number, and what
is None.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from triton import knobs
from triton.runtime import driver

from lrs_kernels.passes import Inputs
from lrs_kernels.triton import launch, start
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.scan import scan_forward_kernel
from lrs_kernels.triton.prepared import prepared_backward, prepared_forward
from tests.lrs_kernels.triton.recorded import (
    CELLS,
    B,
    P,
    T,
    begin,
    example,
    launches,
    moved,
    run,
    seen,
    tensors,
    variations,
)


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
    begin()
    checks = [check for name, check in list(globals().items()) if name.startswith("check_that")]
    for check in checks:
        check()
        print(check.__name__)
