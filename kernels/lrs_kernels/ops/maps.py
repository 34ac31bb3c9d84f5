"""A scan under `torch.vmap` and no other transform, without a node of `torch.func`.

Such a node serves every transform, and PyTorch flattens its arguments and results, absent ones
too, at each level, which takes twice as long as a small scan itself. Where maps are all there is,
what they hide is taken out by hand, and a plain call runs beneath them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor
from torch._C import _functorch

from lrs_kernels.ops.members import over_members
from lrs_kernels.passes import Inputs

_H0 = Inputs._fields.index("h0")


def only_maps() -> bool:
    """Whether `vmap` is the only transform at work."""
    levels = _functorch.get_interpreter_stack() or ()
    return all(level.key() == _functorch.TransformType.Vmap for level in levels)


def under_maps(call: Callable[..., tuple[Tensor, ...]], inputs: Inputs) -> tuple[Tensor, ...]:
    """Run a call beneath all maps, whose members become its population.

    Args:
        call: takes tensors in the order of `Inputs`, which no map hides any more.
        inputs: what the maps hide, at least one of them at work.

    Returns:
        What the call returns, mapped as `vmap` expects it.

    """
    level = _functorch.current_level()
    parts, axes = _unwrapped(inputs, level)
    sizes = [
        p.shape[a] for p, a in zip(parts, axes, strict=True) if p is not None and a is not None
    ]
    with _beneath():
        if _functorch.peek_interpreter_stack() is not None:
            call = _through(call)
        if not sizes:
            return call(*parts)
        results, _ = over_members(call, sizes[0], axes, parts, _H0)
    return tuple([_functorch._add_batch_dim(result, 0, level) for result in results])


def _through(call: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple[Tensor, ...]]:
    """The same call beneath the maps that are left."""
    return lambda *parts: under_maps(call, Inputs(*parts))


def _unwrapped(inputs: Inputs, level: int) -> tuple[list[Tensor | None], list[int | None]]:
    """What the map of a level hides, and the axis that it maps, None for what it does not."""
    parts: list[Tensor | None] = []
    axes: list[int | None] = []
    for part in inputs:
        hidden, axis = (None, None) if part is None else _functorch._unwrap_batched(part, level)
        parts.append(hidden)
        axes.append(axis)
    return parts, axes


@contextmanager
def _beneath() -> Iterator[None]:
    """Without the innermost transform."""
    taken = _functorch.pop_dynamic_layer_stack()
    try:
        yield
    finally:
        _functorch.push_dynamic_layer_stack(taken)
