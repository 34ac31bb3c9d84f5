"""Starts a kernel, and asks Triton no more than once which one that is.

Triton reads every argument of every launch to find what it has compiled for such arguments, and
compares the constants of its source: longer than a short scan runs. What is compiled follows from
little: the constants `K`, one object for each kind of call, the device, the types of tensors and
numbers, and whether 16 divides them. Under these a compiled kernel is remembered. A key that tells
more apart than Triton does costs one look-up more; what is kept is code, without tensors or modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from triton import knobs
from triton.runtime import driver

from lrs_kernels.triton.choice import INTERPRETED, Choice

Arguments = Sequence[Tensor | int | None]

_compiled: dict[tuple[object, ...], Any] = {}


def start(kernel: Any, choice: Choice, arguments: Arguments) -> Any:
    """Launch a kernel on the current device.

    Args:
        kernel: a function of Triton's, whose last argument is `K`.
        choice: grid, `K`, and the options of the compiler, which belong to `K`.
        arguments: all arguments but `K`.

    Returns:
        What Triton has compiled, for `start_again`; None in the interpreter.

    """
    grid, constants = choice.grid, choice.constants
    if INTERPRETED:
        kernel[grid](*arguments, K=constants, **choice.options)
        return None
    key = (kernel, driver.active.get_current_device(), constants, *_kinds(arguments))
    compiled = _compiled.get(key)
    if compiled is None:
        compiled = _compiled[key] = kernel[grid](*arguments, K=constants, **choice.options)
    else:
        start_again(compiled, choice, arguments)
    return compiled


def start_again(compiled: Any, choice: Choice, arguments: Arguments) -> None:
    """Launch a kernel that `start` has returned for arguments of these kinds, on its device.

    Where no profiler has set a hook nothing has to be written down for it, which takes longer than
    the launch. Then this calls what Triton itself and the compiler of PyTorch call in the end.
    """
    grid, constants, runtime = choice.grid, choice.constants, knobs.runtime
    if _hooked(runtime.launch_enter_hook) or _hooked(runtime.launch_exit_hook):
        compiled[grid](*arguments, constants)
        return
    active = driver.active
    stream = active.get_current_stream(active.get_current_device())
    compiled.run(
        *grid, stream, compiled.function, compiled.packed_metadata, None, None, None,
        *arguments, constants,
    )  # fmt: skip


def _hooked(chain: Any) -> bool:
    """Whether anybody has put something into a chain of hooks; also if it is no chain we know."""
    return bool(getattr(chain, "calls", True))


def _kinds(arguments: Arguments) -> list[object]:
    """All about arguments that decides what is compiled."""
    kinds: list[object] = []
    addresses = 0
    for value in arguments:
        if value is None:
            kinds.append(None)
        elif type(value) is int:
            # 1 becomes a constant, multiples of 16 are known as such, large numbers take 64 bits.
            kinds.append(1 if value == 1 else (value % 16 == 0, -(2**31) <= value < 2**31))
        else:
            kinds.append(value.dtype)  # type: ignore[union-attr]
            addresses |= value.data_ptr()  # type: ignore[union-attr]
    if addresses % 16:
        kinds += [t.data_ptr() % 16 == 0 for t in arguments if isinstance(t, Tensor)]
    return kinds
